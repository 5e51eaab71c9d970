internal import Node

/// `nanoseconds` since 1970 as `2026-11-21 09:00:00`, UTC.
func timeText(_ nanoseconds: Int64) -> String {
  String(CalendarTime(nanosecondsSinceEpoch: nanoseconds).rfc3339.prefix(19))
    .replacing("T", with: " ")
}

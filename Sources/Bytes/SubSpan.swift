extension MutableRawSpan {
  /// The bytes of `range`, to be filled on their own; traps when they are not all within.
  @inlinable
  package subscript(bytes range: Range<Int>) -> MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      _mutatingExtracting(range)
    }
  }
}

/// A server out of an image of the corpus, run in a chroot of its mount on a port of loopback.
///
/// What it writes lies in a tmpfs at /tmp of the chroot; its data is never made durable.
enum Service: String, CaseIterable {
  case redis, nginx, postgres

  /// The service whose images are named `image`, such as `redis.A`.
  init?(ofImage image: String) {
    self.init(rawValue: String(image.prefix { $0 != "." }))
  }

  /// What the page-cache-sharing letter saw for two versions of it while they were at work.
  var letterSaving: Double {
    switch self {
    case .redis, .nginx: 0.20
    case .postgres: 0.37
    }
  }

  /// Makes room at `$0` for what the service writes, and devices.
  ///
  /// Devices of its own: those of the machine must not lie where somebody clears up.
  static let prepare = """
    mount -t tmpfs -o mode=1777 tmpfs "$0/tmp" && mount -t tmpfs -o mode=755 tmpfs "$0/dev" &&
      mknod -m 666 "$0/dev/null" c 1 3 && mknod -m 666 "$0/dev/zero" c 1 5 &&
      mknod -m 666 "$0/dev/urandom" c 1 9 && mkdir -m 1777 "$0/dev/shm"
    """

  /// Starts it in the mount `$0` on port `$1`, with its process id in the file `$2`; returns when it
  /// answers.
  var start: String {
    switch self {
    case .redis:
      """
      chroot "$0" redis-server --port "$1" --bind 127.0.0.1 --save '' --dir /tmp --loglevel warning \
        >>services.log 2>&1 &
      echo $! >"$2"
      until [ "$(chroot "$0" redis-cli -p "$1" ping)" = PONG ]; do \(Self.wait); done
      """
    case .nginx:
      """
      {
        echo 'user root; worker_processes 2; daemon off; pid /tmp/pid; error_log /tmp/error;'
        echo 'events {} http { include /etc/nginx/mime.types; access_log off;'
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path /tmp/$kind;"; done
        echo "server { listen 127.0.0.1:$1; root /usr/share/nginx/html; } }"
      } >"$0/tmp/conf"
      chroot "$0" nginx -c /tmp/conf >>services.log 2>&1 &
      echo $! >"$2"
      until [ -s "$0/tmp/pid" ]; do \(Self.wait); done
      """
    case .postgres:
      // It refuses to be root, and wants a name for whoever it is.
      """
      echo postgres:x:70000:70000::/tmp:/bin/sh >"$0/tmp/passwd"
      mount --bind "$0/tmp/passwd" "$0/etc/passwd"
      \(Self.postgresPrograms)
      chroot --userspec=70000:70000 "$0" "/$programs/initdb" -D /tmp/data -A trust --locale=C --no-sync
      chroot --userspec=70000:70000 "$0" "/$programs/postgres" -D /tmp/data -p "$1" -k /tmp \
        -c listen_addresses= -c fsync=off >>services.log 2>&1 &
      echo $! >"$2"
      until chroot --userspec=70000:70000 "$0" "/$programs/pg_isready" -q -h /tmp -p "$1"; do \(Self.wait); done
      chroot --userspec=70000:70000 "$0" "/$programs/pgbench" -h /tmp -p "$1" -i -q -s 2 postgres
      """
    }
  }

  /// Has it work for some seconds, in the mount `$0` on port `$1`.
  var drive: String {
    switch self {
    case .redis: #"chroot "$0" redis-benchmark -p "$1" -q -n 30000 -t set,get,lpush,lrange_100"#
    case .nginx: #"wrk -d 4 -c 16 "http://127.0.0.1:$1/""#
    case .postgres:
      """
      \(Self.postgresPrograms)
      chroot --userspec=70000:70000 "$0" "/$programs/pgbench" -h /tmp -p "$1" -c 4 -j 2 -T 4 postgres
      """
    }
  }

  /// Ends what the file `$2` names, and what was mounted in `$0`.
  static let stop = """
    if [ -s "$2" ]; then
      kill -INT "$(cat "$2")"
      for i in $(seq 100); do kill -0 "$(cat "$2")" 2>/dev/null || break; sleep 0.1; done
      rm "$2"
    fi
    for point in etc/passwd dev tmp; do
      ! mountpoint -q "$0/$point" || umount -l "$0/$point"
    done
    """

  /// For an answer that comes as long as there is a process to give it.
  private static let wait = #"sleep 0.1; kill -0 "$(cat "$2")" || exit 1"#

  /// Its programs are in none of the usual places.
  private static let postgresPrograms = #"programs=$(cd "$0" && echo usr/lib/postgresql/*/bin)"#
}

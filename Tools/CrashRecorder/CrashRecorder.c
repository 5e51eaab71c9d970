/* Logs what a process does to the files below one directory, in the order in which it happens.
 *
 * Calls go straight to the kernel, so nothing here depends on the C library it stands in for. One
 * lock is held over each call and its record: the order of the log is the order of the calls. A
 * file is told by device and inode, so that it does not matter which descriptor was used. */
#define _GNU_SOURCE
#include "CrashRecorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FILE_COUNT_MAX 4096

enum fault_class { NO_FAULT, WRITE, DURABLE_WRITE, SYNC, READ, TRUNCATE, ALLOCATE, OPEN };
static const char *const class_names[] = {"none", "write",    "durable-write", "sync",
                                          "read", "truncate", "allocate",      "open"};

struct file {
  dev_t device;
  ino_t inode;
  uint32_t number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], marks_path[PATH_MAX];
static size_t root_length;
static int log_fd = -1;
static int is_recording;
static struct file files[FILE_COUNT_MAX];
static uint32_t file_count;
static dev_t marks_device;
static ino_t marks_inode;
static enum fault_class fault_class;
static long fault_countdown;
static int fault_errno;
static unsigned boot_number;
static unsigned slowness;      /* microseconds at most */
static uint64_t slowness_state; /* what the next delay is made of */

__attribute__((constructor)) static void start(void) {
  const char *directory = getenv("CULLET_RECORDER_ROOT");
  const char *log = getenv("CULLET_RECORDER_LOG");
  const char *marks = getenv("CULLET_RECORDER_MARKS");
  if (!directory || !log || !marks) return;
  snprintf(root, sizeof root, "%s", directory);
  snprintf(marks_path, sizeof marks_path, "%s", marks);
  root_length = strlen(root);
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  is_recording = log_fd >= 0;
  /* The log has one writer: programs that this process starts go unrecorded. */
  unsetenv("LD_PRELOAD");
}

/* The log. */

static void write_fully(struct iovec *parts, int count) {
  while (count > 0) {
    long written = syscall(SYS_writev, log_fd, parts, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      abort(); /* a log with a gap would prove nothing */
    }
    while (count > 0 && (size_t)written >= parts->iov_len) {
      written -= (long)parts->iov_len;
      parts++;
      count--;
    }
    if (count > 0) {
      parts->iov_base = (char *)parts->iov_base + written;
      parts->iov_len -= (size_t)written;
    }
  }
}

static void append(struct cullet_record record, const void *payload, size_t length) {
  record.payload_length = length;
  struct iovec parts[2] = {{&record, sizeof record}, {(void *)payload, length}};
  write_fully(parts, length ? 2 : 1);
}

static void append_text(uint32_t kind, const char *text) {
  append((struct cullet_record){.kind = kind}, text, strlen(text));
}

/* Which file a descriptor is. */

static struct file *find(int fd, struct stat *status) {
  if (log_fd < 0 || fstat(fd, status) != 0) return NULL;
  for (uint32_t index = file_count; index-- > 0;)
    if (files[index].device == status->st_dev && files[index].inode == status->st_ino)
      return &files[index];
  return NULL;
}

/* The path below the root; NULL for anything else. */
static const char *below_root(const char *path) {
  if (!root_length || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return path + root_length;
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static const char *path_of(int fd, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, buffer, PATH_MAX - 1);
  if (length < 0) return NULL;
  buffer[length] = 0;
  return below_root(buffer);
}

/* `path` as it is called below the root, when it is there; its last component need not exist. */
static const char *resolve(int directory, const char *path, char *buffer) {
  if (path[0] == '/') {
    snprintf(buffer, PATH_MAX, "%s", path);
  } else {
    char link[64], base[PATH_MAX];
    if (directory == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return NULL;
    base[length] = 0;
    if (snprintf(buffer, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return NULL;
  }
  return below_root(buffer);
}

/* Faults. */

static int strikes(enum fault_class class) {
  if (fault_class != class || --fault_countdown != 0) return 0;
  fault_class = NO_FAULT;
  append((struct cullet_record){
           .kind = CULLET_RECORD_FAULT, .flags = class, .error = (uint32_t)fault_errno},
         class_names[class], strlen(class_names[class]));
  return 1;
}

/* Has a call take its time, as disks do. */
static void dawdle(void) {
  if (!slowness || !is_recording) return;
  slowness_state = slowness_state * 6364136223846793005u + 1442695040888963407u;
  usleep((useconds_t)((slowness_state >> 33) % slowness));
}

static long fail(int error) {
  errno = error;
  return -1;
}

static void obey(const char *text, size_t length) {
  char command[128] = {0}, class[32];
  memcpy(command, text, length < sizeof command ? length : sizeof command - 1);
  long number;
  int error;
  if (!strcmp(command, "!pause")) is_recording = 0;
  else if (!strcmp(command, "!resume")) is_recording = 1;
  else if (!strcmp(command, "!heal")) fault_class = NO_FAULT;
  else if (!strcmp(command, "!rewind")) {
    file_count = 0;
    if (syscall(SYS_ftruncate, log_fd, 0) != 0) abort();
    lseek64(log_fd, 0, SEEK_SET);
  } else if (sscanf(command, "!slow %u", &slowness) == 1) {
    slowness_state = slowness;
  } else if (sscanf(command, "!boot %u", &boot_number) == 1) {
    return;
  } else if (sscanf(command, "!fault %31s %ld %d", class, &number, &error) == 3) {
    for (int index = WRITE; index <= OPEN; index++)
      if (!strcmp(class, class_names[index])) fault_class = (enum fault_class)index;
    fault_countdown = number;
    fault_errno = error;
  } else abort();
}

/* Opening. */

static int is_directory(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The name of a boot of the machine that never was. */
static int open_boot(void) {
  char text[40];
  int length = snprintf(text, sizeof text, "%08x-0000-4000-8000-000000000000\n", boot_number);
  int fd = memfd_create("boot", MFD_CLOEXEC);
  if (fd >= 0 && syscall(SYS_pwrite64, fd, text, length, 0) != length) abort();
  return fd;
}

static int open_recorded(int directory, const char *path, int flags, mode_t mode) {
  int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
  if (log_fd < 0) return (int)syscall(SYS_openat, directory, path, flags, mode);
  if (boot_number && !strcmp(path, "/proc/sys/kernel/random/boot_id")) return open_boot();
  pthread_mutex_lock(&lock);
  char buffer[PATH_MAX];
  struct stat before;
  const char *name = resolve(directory, path, buffer);
  int existed = fstatat(directory, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
  if (name && is_recording && strikes(OPEN)) {
    pthread_mutex_unlock(&lock);
    return (int)fail(fault_errno);
  }
  int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
  int saved = errno;
  struct stat status;
  if (fd >= 0 && !strcmp(path, marks_path) && fstat(fd, &status) == 0) {
    marks_device = status.st_dev;
    marks_inode = status.st_ino;
  } else if (fd >= 0 && is_recording && changes && !is_directory(fd) &&
             (name = path_of(fd, buffer)) && fstat(fd, &status) == 0) {
    struct file *file = existed ? find(fd, &status) : NULL;
    if (!file) {
      if (file_count == FILE_COUNT_MAX) abort();
      file = &files[file_count];
      *file = (struct file){status.st_dev, status.st_ino, file_count};
      file_count++;
    }
    append((struct cullet_record){.kind = CULLET_RECORD_OPEN,
                                  .file = file->number,
                                  .flags = existed ? 0 : CULLET_RECORD_CREATED},
           name, strlen(name));
    if (existed && (flags & O_TRUNC))
      append((struct cullet_record){.kind = CULLET_RECORD_TRUNCATE, .file = file->number}, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return fd;
}

#define WITH_MODE(flags)                                  \
  mode_t mode = 0;                                        \
  if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
    va_list arguments;                                    \
    va_start(arguments, flags);                           \
    mode = va_arg(arguments, mode_t);                     \
    va_end(arguments);                                    \
  }

EXPORT int open(const char *path, int flags, ...) {
  WITH_MODE(flags)
  return open_recorded(AT_FDCWD, path, flags, mode);
}
EXPORT int open64(const char *path, int flags, ...) {
  WITH_MODE(flags)
  return open_recorded(AT_FDCWD, path, flags, mode);
}
EXPORT int openat(int directory, const char *path, int flags, ...) {
  WITH_MODE(flags)
  return open_recorded(directory, path, flags, mode);
}
EXPORT int openat64(int directory, const char *path, int flags, ...) {
  WITH_MODE(flags)
  return open_recorded(directory, path, flags, mode);
}
EXPORT int __open_2(const char *path, int flags) {
  return open_recorded(AT_FDCWD, path, flags, 0);
}
EXPORT int __open64_2(const char *path, int flags) {
  return open_recorded(AT_FDCWD, path, flags, 0);
}
EXPORT int __openat_2(int directory, const char *path, int flags) {
  return open_recorded(directory, path, flags, 0);
}
EXPORT int __openat64_2(int directory, const char *path, int flags) {
  return open_recorded(directory, path, flags, 0);
}
EXPORT int creat(const char *path, mode_t mode) {
  return open_recorded(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Writing. */

static void append_write(const struct file *file, const struct iovec *parts, int count,
                         off64_t offset, long written, int is_durable) {
  struct cullet_record record = {.kind = CULLET_RECORD_WRITE,
                                 .file = file->number,
                                 .offset = (uint64_t)offset,
                                 .length = written > 0 ? (uint64_t)written : 0,
                                 .flags = is_durable ? CULLET_RECORD_DURABLE : 0,
                                 .error = written < 0 ? (uint32_t)errno : 0,
                                 .payload_length = written > 0 ? (uint64_t)written : 0};
  struct iovec header = {&record, sizeof record};
  write_fully(&header, 1);
  for (int index = 0; index < count && written > 0; index++) {
    struct iovec part = parts[index];
    if ((long)part.iov_len > written) part.iov_len = (size_t)written;
    written -= (long)part.iov_len;
    if (part.iov_len) write_fully(&part, 1);
  }
}

/* Writes `parts` at `offset`, or where the descriptor is when that is negative. */
static ssize_t write_recorded(int fd, const struct iovec *parts, int count, off64_t offset,
                              int flags) {
  if (log_fd < 0 || fd <= 2) goto plain;
  struct stat status = {0};
  pthread_mutex_lock(&lock);
  struct file *file = find(fd, &status);
  if (!file && marks_inode && status.st_dev == marks_device && status.st_ino == marks_inode && count > 0) {
    const char *text = parts[0].iov_base;
    if (parts[0].iov_len && text[0] == '!') obey(text, parts[0].iov_len);
    else if (is_recording)
      append((struct cullet_record){.kind = CULLET_RECORD_MARK}, text, parts[0].iov_len);
  }
  if (!file || !is_recording) {
    pthread_mutex_unlock(&lock);
    goto plain;
  }
  dawdle();
  int mode = fcntl(fd, F_GETFL);
  int is_durable = (mode & O_DSYNC) || (flags & (RWF_DSYNC | RWF_SYNC));
  off64_t place = offset;
  if ((mode & O_APPEND) || (flags & RWF_APPEND)) place = status.st_size;
  else if (offset < 0) place = lseek64(fd, 0, SEEK_CUR);
  struct iovec half = count > 0 ? parts[0] : (struct iovec){0};
  int fails = strikes(is_durable ? DURABLE_WRITE : WRITE);
  long written;
  if (fails && fault_errno != 0) {
    written = fail(fault_errno);
  } else {
    if (fails) {
      half.iov_len = half.iov_len / 2;
      parts = &half;
      count = 1;
    }
    written = offset < 0
      ? syscall(SYS_writev, fd, parts, count)
      : syscall(SYS_pwritev2, fd, parts, count, (unsigned long)offset,
                (unsigned long)((uint64_t)offset >> 32), flags);
  }
  int saved = errno;
  append_write(file, parts, count, place, written, is_durable);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return written;
plain:
  if (offset < 0 && flags == 0) return syscall(SYS_writev, fd, parts, count);
  return syscall(SYS_pwritev2, fd, parts, count, (unsigned long)offset,
                 (unsigned long)((uint64_t)offset >> 32), flags);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t length) {
  if (log_fd < 0 || fd <= 2) return syscall(SYS_write, fd, bytes, length);
  struct iovec part = {(void *)bytes, length};
  return write_recorded(fd, &part, 1, -1, 0);
}
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_recorded(fd, parts, count, -1, 0);
}
EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  struct iovec part = {(void *)bytes, length};
  return write_recorded(fd, &part, 1, offset, 0);
}
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  struct iovec part = {(void *)bytes, length};
  return write_recorded(fd, &part, 1, offset, 0);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return write_recorded(fd, parts, count, offset, 0);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_recorded(fd, parts, count, offset, 0);
}
EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return write_recorded(fd, parts, count, offset, flags);
}
EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset,
                           int flags) {
  return write_recorded(fd, parts, count, offset, flags);
}

/* Reading: only to let it fail. */

static int read_fails(int fd) {
  if (log_fd < 0 || fault_class != READ) return 0;
  struct stat status;
  pthread_mutex_lock(&lock);
  int fails = is_recording && find(fd, &status) && strikes(READ);
  pthread_mutex_unlock(&lock);
  return fails;
}

EXPORT ssize_t read(int fd, void *bytes, size_t length) {
  if (read_fails(fd)) return fail(fault_errno);
  return syscall(SYS_read, fd, bytes, length);
}
EXPORT ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
  if (read_fails(fd)) return fail(fault_errno);
  return syscall(SYS_pread64, fd, bytes, length, offset);
}
EXPORT ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  return pread(fd, bytes, length, offset);
}
EXPORT ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) {
  if (read_fails(fd)) return fail(fault_errno);
  return syscall(SYS_preadv, fd, parts, count, (unsigned long)offset,
                 (unsigned long)((uint64_t)offset >> 32));
}
EXPORT ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return preadv(fd, parts, count, offset);
}

/* Making durable. */

static int sync_recorded(int fd, long call) {
  struct stat status;
  if (log_fd < 0) return (int)syscall(call, fd);
  pthread_mutex_lock(&lock);
  struct file *file = find(fd, &status);
  char buffer[PATH_MAX];
  const char *name = NULL;
  if (!file && is_recording && is_directory(fd)) name = path_of(fd, buffer);
  if (file) dawdle();
  int fails = is_recording && (file || name) && strikes(SYNC);
  long result = fails ? fail(fault_errno) : syscall(call, fd);
  int saved = errno;
  struct cullet_record record = {.error = result < 0 ? (uint32_t)saved : 0};
  if (is_recording && file) {
    record.kind = CULLET_RECORD_SYNC;
    record.file = file->number;
    append(record, NULL, 0);
  } else if (name) {
    record.kind = CULLET_RECORD_SYNC_NAMES;
    append(record, name, strlen(name));
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return (int)result;
}

EXPORT int fsync(int fd) { return sync_recorded(fd, SYS_fsync); }
EXPORT int fdatasync(int fd) { return sync_recorded(fd, SYS_fdatasync); }
/* Starts or awaits writing, but promises nothing after a power cut: no record. */
EXPORT int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}

/* Sizes and space. */

static int resize_recorded(int fd, off64_t size) {
  struct stat status;
  if (log_fd < 0) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&lock);
  struct file *file = find(fd, &status);
  int fails = is_recording && file && strikes(TRUNCATE);
  long result = fails ? fail(fault_errno) : syscall(SYS_ftruncate, fd, size);
  int saved = errno;
  if (is_recording && file && result == 0)
    append((struct cullet_record){
             .kind = CULLET_RECORD_TRUNCATE, .file = file->number, .length = (uint64_t)size},
           NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return (int)result;
}

EXPORT int ftruncate(int fd, off_t size) { return resize_recorded(fd, size); }
EXPORT int ftruncate64(int fd, off64_t size) { return resize_recorded(fd, size); }

static int allocate_recorded(int fd, int mode, off64_t offset, off64_t length) {
  struct stat status;
  if (log_fd < 0) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
  pthread_mutex_lock(&lock);
  struct file *file = find(fd, &status);
  int fails = is_recording && file && strikes(ALLOCATE);
  long result = fails ? fail(fault_errno) : syscall(SYS_fallocate, fd, mode, offset, length);
  int saved = errno;
  if (is_recording && file && result == 0)
    append((struct cullet_record){.kind = CULLET_RECORD_ALLOCATE,
                                  .file = file->number,
                                  .offset = (uint64_t)offset,
                                  .length = (uint64_t)length,
                                  .flags = (uint32_t)mode},
           NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return (int)result;
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length) {
  return allocate_recorded(fd, mode, offset, length);
}
EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return allocate_recorded(fd, mode, offset, length);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t length) {
  return allocate_recorded(fd, 0, offset, length) == 0 ? 0 : errno;
}
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return posix_fallocate(fd, offset, length);
}

/* Names. */

static int change_name(uint32_t kind, int directory, const char *path, long result) {
  int saved = errno;
  char buffer[PATH_MAX];
  const char *name;
  if (result == 0 && is_recording && (name = resolve(directory, path, buffer)))
    append_text(kind, name);
  errno = saved;
  return (int)result;
}

EXPORT int unlinkat(int directory, const char *path, int flags) {
  if (log_fd < 0) return (int)syscall(SYS_unlinkat, directory, path, flags);
  pthread_mutex_lock(&lock);
  int result = change_name(CULLET_RECORD_UNLINK, directory, path,
                           syscall(SYS_unlinkat, directory, path, flags));
  pthread_mutex_unlock(&lock);
  return result;
}
EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

EXPORT int mkdirat(int directory, const char *path, mode_t mode) {
  if (log_fd < 0) return (int)syscall(SYS_mkdirat, directory, path, mode);
  pthread_mutex_lock(&lock);
  int result = change_name(CULLET_RECORD_MKDIR, directory, path,
                           syscall(SYS_mkdirat, directory, path, mode));
  pthread_mutex_unlock(&lock);
  return result;
}
EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

EXPORT int renameat2(int source, const char *from, int target, const char *to, unsigned flags) {
  if (log_fd < 0) return (int)syscall(SYS_renameat2, source, from, target, to, flags);
  pthread_mutex_lock(&lock);
  long result = syscall(SYS_renameat2, source, from, target, to, flags);
  int saved = errno;
  char old[PATH_MAX], new[PATH_MAX], both[2 * PATH_MAX];
  const char *old_name = resolve(source, from, old), *new_name = resolve(target, to, new);
  if (result == 0 && is_recording && old_name && new_name) {
    size_t length = strlen(old_name) + 1;
    memcpy(both, old_name, length);
    memcpy(both + length, new_name, strlen(new_name));
    append((struct cullet_record){.kind = CULLET_RECORD_RENAME}, both, length + strlen(new_name));
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return (int)result;
}
EXPORT int renameat(int source, const char *from, int target, const char *to) {
  return renameat2(source, from, target, to, 0);
}
EXPORT int rename(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* What the model has no place for: the log says so, and whoever reads it refuses it. */

static void note_unknown(int fd, const char *what) {
  struct stat status;
  if (log_fd < 0) return;
  pthread_mutex_lock(&lock);
  if (is_recording && find(fd, &status)) append_text(CULLET_RECORD_UNKNOWN, what);
  pthread_mutex_unlock(&lock);
}

static int is_lock_file(int fd) {
  char buffer[PATH_MAX];
  const char *name = path_of(fd, buffer);
  size_t length = name ? strlen(name) : 0;
  /* LMDB's table of readers: worth nothing once its processes are gone. */
  return length >= 8 && !strcmp(name + length - 8, "lock.mdb");
}

EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && !is_lock_file(fd))
    note_unknown(fd, "mmap");
  return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd,
                    off64_t offset) {
  return mmap(address, length, protection, flags, fd, offset);
}
EXPORT ssize_t copy_file_range(int source, off64_t *from, int target, off64_t *to, size_t length,
                               unsigned flags) {
  note_unknown(target, "copy_file_range");
  return syscall(SYS_copy_file_range, source, from, target, to, length, flags);
}
EXPORT ssize_t sendfile(int target, int source, off_t *offset, size_t length) {
  note_unknown(target, "sendfile");
  return syscall(SYS_sendfile, target, source, offset, length);
}
EXPORT ssize_t sendfile64(int target, int source, off64_t *offset, size_t length) {
  note_unknown(target, "sendfile");
  return syscall(SYS_sendfile, target, source, offset, length);
}

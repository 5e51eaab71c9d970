/* What Swift's Glibc module hides: GNU and Linux names, and the few macros and variadics that do
 * not import. The header defines _GNU_SOURCE itself, so the names appear unprefixed in Swift. */
#ifndef CULLET_CLINUX_H
#define CULLET_CLINUX_H

/* These two define types that differ by _GNU_SOURCE, and Swift's own modules have them without:
 * the importer refuses two definitions of one type. So they come first, and plain. */
#ifndef _GNU_SOURCE
#include <sys/select.h>
#include <sys/resource.h>
#undef _FEATURES_H
#define _GNU_SOURCE 1
#include <features.h>
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/fuse.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static inline int cullet_errno(void) { return errno; }

/* Variadic calls. */
static inline int cullet_open(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}
static inline int cullet_openat(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags, mode);
}
static inline int cullet_ofd_setlk(int fd, struct flock *lock) {
  return fcntl(fd, F_OFD_SETLK, lock);
}
static inline int cullet_fcntl_int(int fd, int command, int argument) {
  return fcntl(fd, command, argument);
}
static inline int cullet_ioctl_u32(int fd, unsigned long request, unsigned int *argument) {
  return ioctl(fd, request, argument);
}

/* <linux/fs.h> and <sys/mount.h> define the same names; this is BLKDISCARD. */
static inline int cullet_discard(int fd, unsigned long long offset, unsigned long long length) {
  unsigned long long range[2] = {offset, length};
  return ioctl(fd, _IO(0x12, 119), range);
}

static inline int cullet_end_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

/* openat2(2) has no C library function. */
static inline int cullet_openat_beneath(int directory, const char *path, int flags) {
  struct open_how how = {.flags = (unsigned long long)flags,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* The calls that mount step by step, by number: C libraries before 2.36 lack them, and the kernel's
 * <linux/mount.h> cannot be included beside <sys/mount.h>. */
static inline int cullet_fsopen(const char *type) {
  return (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
}
static inline int cullet_fsconfig_set(int context, const char *name, const char *value) {
  /* FSCONFIG_SET_STRING or FSCONFIG_SET_FLAG */
  return (int)syscall(SYS_fsconfig, context, value ? 1 : 0, name, value, 0);
}
static inline int cullet_fsconfig_create(int context) {
  return (int)syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0);
}
static inline int cullet_fsmount(int context, unsigned int attributes) {
  return (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, attributes);
}
static inline int cullet_move_mount(int mount, const char *directory) {
  return (int)syscall(SYS_move_mount, mount, "", AT_FDCWD, directory,
                      4 /* MOVE_MOUNT_F_EMPTY_PATH */);
}

/* Passthrough, which <linux/fuse.h> has since Linux 6.9. */
static inline int cullet_fuse_open_backing(int device, int file) {
  struct {
    int fd;
    unsigned int flags;
    unsigned long long padding;
  } map = {.fd = file};
  return ioctl(device, _IOC(_IOC_WRITE, 229, 1, sizeof map), &map);
}
static inline int cullet_fuse_close_backing(int device, unsigned int id) {
  return ioctl(device, _IOC(_IOC_WRITE, 229, 2, sizeof id), &id);
}

/* statfs(2) is a structure and a function of one name; this is FUSE_SUPER_MAGIC. */
static inline int cullet_is_on_fuse(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 && status.f_type == 0x65735546;
}

/* Computed macros. */
static const unsigned long cullet_FUSE_DEV_IOC_CLONE = FUSE_DEV_IOC_CLONE;
static const long cullet_UTIME_OMIT = UTIME_OMIT;

static inline dev_t cullet_makedev(unsigned int major_number, unsigned int minor_number) {
  return makedev(major_number, minor_number);
}

static inline unsigned int cullet_major(dev_t device) { return major(device); }
static inline unsigned int cullet_minor(dev_t device) { return minor(device); }
/* Interruption of a thread's blocking call: a signal whose handler does nothing, without SA_RESTART.
 * SIGURG, because its default is to be ignored: a stray one cannot end the process. */
void cullet_accept_interrupts(void);
static inline int cullet_interrupt(pthread_t thread) { return pthread_kill(thread, SIGURG); }

/* wait(2) status macros. */
static inline int cullet_exited(int status) { return WIFEXITED(status); }
static inline int cullet_exit_status(int status) { return WEXITSTATUS(status); }

/* cachestat(2), which libc does not have: pages of a file in the page cache. */
int cullet_cached_page_count(int file, unsigned long long *count);

/* Descriptor passing: the CMSG macros do not import. A byte goes with the descriptor. Receiving
 * returns it, or -1 with errno; ENOMSG when the message carried none. */
int cullet_receive_descriptor(int socket);
int cullet_send_descriptor(int socket, int descriptor);

/* Addresses of Unix sockets: with _GNU_SOURCE their type in bind, connect and accept does not
 * import. Both fail with ENAMETOOLONG when the path does not fit. */
int cullet_bind_unix(int socket, const char *path);
int cullet_connect_unix(int socket, const char *path);
static inline int cullet_accept(int socket) { return accept4(socket, NULL, NULL, SOCK_CLOEXEC); }

/* Not a function. */
static inline void cullet_prefetch(const void *address) { __builtin_prefetch(address, 1); }

/* SIG_IGN is a cast. */
static inline void cullet_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }

/* `environ` imports as unprotected shared state. */
extern char **environ;
static inline char **cullet_environment(void) { return environ; }

#endif

/* What Swift's Glibc module hides: GNU and Linux names, and the few macros and variadics that do
 * not import. The header defines _GNU_SOURCE itself, so the names appear unprefixed in Swift. */
#ifndef CULLET_CLINUX_H
#define CULLET_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
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

/* openat2(2) has no C library function. */
static inline int cullet_openat_beneath(int directory, const char *path, int flags) {
  struct open_how how = {.flags = (unsigned long long)flags,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* Computed macros. */
static const unsigned long cullet_FUSE_DEV_IOC_CLONE = FUSE_DEV_IOC_CLONE;
static const long cullet_UTIME_OMIT = UTIME_OMIT;

/* wait(2) status macros. */
static inline int cullet_exited(int status) { return WIFEXITED(status); }
static inline int cullet_exit_status(int status) { return WEXITSTATUS(status); }

/* Descriptor passing: the CMSG macros do not import. Returns the descriptor, or -1 with errno;
 * ENOMSG when the message carried none. */
int cullet_receive_descriptor(int socket);

extern char **environ;

#endif

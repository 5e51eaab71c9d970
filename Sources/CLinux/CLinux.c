#include "CLinux.h"

int cullet_receive_descriptor(int socket) {
  char byte;
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t count;
  do {
    count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  struct cmsghdr *part = CMSG_FIRSTHDR(&message);
  if (count == 0 || !part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
    errno = ENOMSG;
    return -1;
  }
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
  return descriptor;
}

int cullet_cached_page_count(int file, unsigned long long *count) {
  struct {
    unsigned long long offset, length;
  } range = {0, 0};
  struct {
    unsigned long long cached, dirty, under_writeback, evicted, recently_evicted;
  } pages;
  if (syscall(451, file, &range, &pages, 0) < 0) return -1;
  *count = pages.cached;
  return 0;
}

int cullet_send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec vector = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.bytes = {0}};
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof descriptor);
  memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int fill_address(struct sockaddr_un *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address->sun_path, path);
  return 0;
}

int cullet_bind_unix(int socket, const char *path) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  return bind(socket, (struct sockaddr *)&address, sizeof address);
}

int cullet_connect_unix(int socket, const char *path) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  return connect(socket, (struct sockaddr *)&address, sizeof address);
}

static void ignore_interrupt(int signal) { (void)signal; }

static void install_interrupt_handler(void) {
  struct sigaction action = {.sa_handler = ignore_interrupt};
  sigemptyset(&action.sa_mask);
  sigaction(SIGURG, &action, NULL);
}

void cullet_accept_interrupts(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_interrupt_handler);
  /* A thread started from one of libdispatch's inherits a mask that blocks nearly everything. */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

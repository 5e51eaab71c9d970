/* What tests compare with or call and Swift's Glibc module lacks. CLinux is no help: its GNU
 * definitions and those that Foundation sees cannot be imported into one file. */
#include <linux/fuse.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

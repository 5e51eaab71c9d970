/* The log that the recorder writes: records of a header and a payload, one after the other.
 *
 * The recorder is loaded under a process by LD_PRELOAD. It takes these variables:
 *   CULLET_RECORDER_ROOT   the directory whose files are recorded, absolute
 *   CULLET_RECORDER_LOG    the file to write the log to
 *   CULLET_RECORDER_MARKS  a file: what is written to it becomes marks, or commands to the recorder
 *
 * Commands begin with '!', marks with anything else:
 *   !pause, !resume        stop and go on recording
 *   !rewind                begin the log anew, as if no file had been seen
 *   !fault CLASS N ERRNO   let the Nth call of a class fail from now on, once; errno 0 is a write of
 *                          half of what was asked
 *   !heal                  forget the fault
 *   !slow N                let writes and syncs take up to N microseconds more, by chance
 *   !boot N                let this be another boot of the machine, named by N; 0 is the real one
 */
#ifndef CULLET_CRASH_RECORDER_H
#define CULLET_CRASH_RECORDER_H

#include <stdint.h>

enum cullet_record_kind {
  CULLET_RECORD_OPEN = 1,        /* payload: path below the root */
  CULLET_RECORD_WRITE = 2,       /* offset; payload: the bytes written */
  CULLET_RECORD_SYNC = 3,        /* fsync or fdatasync of a file */
  CULLET_RECORD_TRUNCATE = 4,    /* length: the new size */
  CULLET_RECORD_ALLOCATE = 5,    /* offset, length; flags: the mode of fallocate */
  CULLET_RECORD_UNLINK = 6,      /* payload: path below the root */
  CULLET_RECORD_RENAME = 7,      /* payload: two paths, a NUL between them */
  CULLET_RECORD_MKDIR = 8,       /* payload: path below the root */
  CULLET_RECORD_SYNC_NAMES = 9,  /* fsync of a directory; payload: path, empty for the root */
  CULLET_RECORD_MARK = 10,       /* payload: what the workload wrote */
  CULLET_RECORD_FAULT = 11,      /* a call was made to fail; flags: its class */
  CULLET_RECORD_UNKNOWN = 12,    /* a way of writing that the model lacks; payload: its name */
};

enum cullet_record_flags {
  CULLET_RECORD_CREATED = 1,   /* OPEN: the file is new */
  CULLET_RECORD_DURABLE = 2,   /* WRITE: through O_DSYNC or RWF_DSYNC, and has returned */
};

struct cullet_record {
  uint32_t kind;
  uint32_t file; /* a number for each file, given by its OPEN */
  uint64_t offset;
  uint64_t length;
  uint32_t flags;
  uint32_t error; /* errno of a call that failed, else 0 */
  uint64_t payload_length;
};

#endif

// Preloaded into a recorder: fdatasync of a raw segment fails once, when the file named by
// FAIL_SYNC_ONCE exists, and every call is written to the file named by FAIL_SYNC_LOG.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int fd) {
  static int (*real)(int) = NULL;
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  const char* flag = getenv("FAIL_SYNC_ONCE");
  const int is_raw = strstr(path, "/events/") != NULL;
  const int fails = is_raw && flag != NULL && unlink(flag) == 0;
  const char* log = getenv("FAIL_SYNC_LOG");
  FILE* out = is_raw && log != NULL ? fopen(log, "a") : NULL;
  if (out != NULL) {
    fprintf(out, "%s %s\n", fails ? "EIO" : "ok", path);
    fclose(out);
  }
  if (fails) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

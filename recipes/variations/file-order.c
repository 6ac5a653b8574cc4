/*
 * Another file order: a folder's entries come in the reverse of the order that the file system gives them in. A folder
 * is read whole when the first entry is asked for, and given back from its end.
 */
#define _GNU_SOURCE
#include "variations.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One open folder: `entries` in the file system's order, of which those before `left` are still to be given. */
struct folder {
  DIR *stream;
  struct dirent **entries;
  size_t count;
  size_t left;
  struct folder *next;
};

static struct folder *folders;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void forget(DIR *stream) {
  for (struct folder **at = &folders; *at != NULL; at = &(*at)->next) {
    struct folder *folder = *at;
    if (folder->stream != stream) continue;
    *at = folder->next;
    for (size_t index = 0; index < folder->count; index++) free(folder->entries[index]);
    free(folder->entries);
    free(folder);
    return;
  }
}

static struct folder *known(DIR *stream) {
  for (struct folder *folder = folders; folder != NULL; folder = folder->next)
    if (folder->stream == stream) return folder;
  return NULL;
}

/* NULL, with errno, when memory or the file system refuses. */
static struct folder *read_whole(DIR *stream) {
  static struct dirent *(*real)(DIR *);
  FIND(real, "readdir");
  struct folder *folder = calloc(1, sizeof *folder);
  if (folder == NULL) return NULL;
  folder->stream = stream;
  folder->next = folders;
  folders = folder;
  for (;;) {
    errno = 0;
    struct dirent *entry = real(stream);
    if (entry == NULL) break;
    struct dirent **entries = reallocarray(folder->entries, folder->count + 1, sizeof *entries);
    struct dirent *copy = malloc(entry->d_reclen);
    if (entries != NULL) folder->entries = entries;
    if (entries == NULL || copy == NULL) {
      free(copy);
      errno = ENOMEM;
      break;
    }
    folder->entries[folder->count++] = memcpy(copy, entry, entry->d_reclen);
  }
  folder->left = folder->count;
  if (errno == 0) return folder;
  int reason = errno;
  forget(stream);
  errno = reason;
  return NULL;
}

struct dirent *readdir(DIR *stream) {
  int before = errno;
  pthread_mutex_lock(&lock);
  struct folder *folder = known(stream);
  if (folder == NULL) folder = read_whole(stream);
  struct dirent *entry = folder == NULL || folder->left == 0 ? NULL : folder->entries[--folder->left];
  pthread_mutex_unlock(&lock);
  /* The end of a folder leaves errno as it was. */
  if (folder != NULL) errno = before;
  return entry;
}

/* The same structure on the architectures of Lambda. */
struct dirent64 *readdir64(DIR *stream) { return (struct dirent64 *)readdir(stream); }

/* A position is the number of entries that are left; 0 means that nothing was read yet. */
long telldir(DIR *stream) {
  pthread_mutex_lock(&lock);
  struct folder *folder = known(stream);
  long position = folder == NULL ? 0 : (long)folder->left + 1;
  pthread_mutex_unlock(&lock);
  return position;
}

void seekdir(DIR *stream, long position) {
  pthread_mutex_lock(&lock);
  struct folder *folder = known(stream);
  if (folder != NULL) folder->left = position == 0 ? folder->count : (size_t)position - 1;
  pthread_mutex_unlock(&lock);
}

void rewinddir(DIR *stream) {
  static void (*real)(DIR *);
  pthread_mutex_lock(&lock);
  forget(stream);
  FIND(real, "rewinddir");
  real(stream);
  pthread_mutex_unlock(&lock);
}

int closedir(DIR *stream) {
  static int (*real)(DIR *);
  pthread_mutex_lock(&lock);
  forget(stream);
  FIND(real, "closedir");
  int result = real(stream);
  pthread_mutex_unlock(&lock);
  return result;
}

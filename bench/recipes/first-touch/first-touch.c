/*
 * first-touch LACKEY PROGRAM [ARGUMENT...]: runs a program that is linked for a fixed address in LACKEY, which is valgrind's
 * lackey-ARCH-linux, and prints each address below 64 MB that it and its children execute, read or write, on stderr:
 *
 *   touched ADDRESS
 *
 * Addresses are hexadecimal, and printed once for each 16 bytes. Above 64 MB there are libraries and the stack.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END (UINT64_C(64) << 20)
#define GRAIN 16

static unsigned char seen[END / GRAIN];

int main(int argc, char **argv) {
  int ends[2];
  char line[4096], log[32];
  if (argc < 3 || pipe(ends) != 0) return 64;
  pid_t pid = fork();
  if (pid < 0) return 71;
  if (pid == 0) {
    close(ends[0]);
    snprintf(log, sizeof log, "--log-fd=%d", ends[1]);
    const char *options[] = {argv[1], "--tool=lackey", "--trace-mem=yes", "--basic-counts=no", "--vgdb=no", "--default-suppressions=no", log};
    size_t count = sizeof options / sizeof options[0];
    char **arguments = calloc(count + (size_t)argc, sizeof *arguments);
    if (arguments == NULL) _exit(71);
    memcpy(arguments, options, sizeof options);
    memcpy(arguments + count, argv + 2, (size_t)(argc - 2) * sizeof *arguments);
    /* What valgrind's launcher, which is not here, would set. */
    setenv("VALGRIND_LAUNCHER", argv[1], 1);
    execv(argv[1], arguments);
    perror(argv[1]);
    _exit(127);
  }
  close(ends[1]);
  FILE *in = fdopen(ends[0], "r");
  while (in != NULL && fgets(line, sizeof line, in) != NULL) {
    /* "I  ADDRESS,SIZE" of an instruction, " L ADDRESS,SIZE" and the like of data. */
    char *end;
    if (line[0] != 'I' && line[0] != ' ') continue;
    uint64_t address = strtoull(line + 3, &end, 16);
    if (*end != ',' || address >= END) continue;
    uint64_t size = strtoull(end + 1, NULL, 10);
    for (uint64_t at = address / GRAIN; at <= (address + size - 1) / GRAIN && at < END / GRAIN; at++) {
      if (seen[at]) continue;
      seen[at] = 1;
      fprintf(stderr, "touched %" PRIx64 "\n", at == address / GRAIN ? address : at * GRAIN);
    }
  }
  return 0;
}

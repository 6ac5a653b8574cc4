# Rewrites the assembly that zig writes for a stub library, so that its variables are those of a real glibc: several names
# of one variable have one address, and the names that programs may define themselves are weak. A linker that copies
# `environ` into a program then copies `__environ` with it.
#
# A variable is five lines: .globl LABEL; .type LABEL, %object; .size LABEL, N; .symver LABEL, NAME@VERSION, remove;
# LABEL: .fill N, 1, 0. All variables come last, behind `.data`.
BEGIN {
  first["environ"] = first["_environ"] = "__environ"
  first["tzname"] = "__tzname"
  first["timezone"] = "__timezone"
  first["daylight"] = "__daylight"
  first["program_invocation_name"] = "__progname_full"
  first["program_invocation_short_name"] = "__progname"
  first["signgam"] = "__signgam"
  first["___brk_addr"] = "__curbrk"
  for (name in first) weak[name] = 1
  split("in6addr_any in6addr_loopback __after_morecore_hook __free_hook __malloc_hook __memalign_hook __realloc_hook", names)
  for (i in names) weak[names[i]] = 1
  first["sys_nerr"] = "_sys_nerr"
  first["sys_errlist"] = "_sys_errlist"
  first["sys_siglist"] = "_sys_siglist"
}
# A reference that only programs for glibc 2.0 need.
/^\.rodata$/ { skipped = 1 }
/^\.data$/ { skipped = 0 }
skipped { next }
/^\.type .*%object$/ { variable = 1 }
/^\.globl / { globl = $2; next }
globl != "" && /^\.type .*%function$/ { print ".globl " globl; globl = "" }
!variable { print; next }
/^\.(type|size) / { block = block $0 "\n"; if ($1 == ".size") size = $3; next }
/^\.symver / {
  name = $3
  sub(/@.*/, "", name)
  version = $3
  sub(/.*@/, "", version)
  block = (name in weak ? ".weak " : ".globl ") globl "\n" block $0 "\n" globl ":\n"
  next
}
/: \.fill / {
  group = name in first ? first[name] : name
  # Each version of it is a number of its own; of other variables, all versions have one address.
  if (group == "_sys_nerr") group = group " " version
  if (!(group in text)) order[++groups] = group
  text[group] = text[group] block
  if (size > bytes[group]) bytes[group] = size
  block = globl = ""
  variable = 0
}
END {
  for (i = 1; i <= groups; i++) printf ".balign 32\n%s.fill %d, 1, 0\n", text[order[i]], bytes[order[i]]
}

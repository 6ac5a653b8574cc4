/* Code of packages that `layersmith package` compiled, for opcache. */
#ifndef LAYERSMITH_COMPILED_CODE_H
#define LAYERSMITH_COMPILED_CODE_H

/*
 * Links the compiled code of the layers and of the function into the folder of opcache's file cache. Returns settings of PHP that
 * come after those of the packages: opcache keeps the code in shared memory, too, and writes no files where none of it
 * can be used. NULL if there is none.
 */
const char *compiled_code_settings(const char *task_root);

#endif

/* Code of packages that `layersmith package` compiled, for opcache. */
#ifndef LAYERSMITH_COMPILED_CODE_H
#define LAYERSMITH_COMPILED_CODE_H

enum compiled_code {
	CODE_NONE,
	CODE_USED,
	CODE_UNUSABLE, /* It is for another layer, or other files; the reason is logged. */
};

/* Links the compiled code of the layers and of the function into the folder of opcache's file cache, before PHP starts. */
enum compiled_code compiled_code_link(const char *task_root);

#endif

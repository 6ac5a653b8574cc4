/* The variables of CGI. */
#ifndef LAYERSMITH_VARIABLES_H
#define LAYERSMITH_VARIABLES_H

struct variable {
	const char *name; /* NULL after the last. */
	const char *value;
};

/* Returns the variables of `server`'s current request, or of the script alone if there is none. Valid until the next request. */
const struct variable *variables(void);

/* Forgets the variables: they belong to the arena of `server`. */
void variables_forget(void);

#endif

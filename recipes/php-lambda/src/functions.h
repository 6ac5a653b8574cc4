/* The functions that PHP code gets in web and worker mode. */
#ifndef LAYERSMITH_FUNCTIONS_H
#define LAYERSMITH_FUNCTIONS_H

#include "compat.h"

extern const zend_function_entry lambda_functions[];

#endif

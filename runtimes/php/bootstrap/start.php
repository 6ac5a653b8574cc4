<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/** Loads what only some functions need. It follows in this file, as text: PHP does not compile it at each start. */
function load_library(): void
{
    if (!\function_exists(__NAMESPACE__ . '\failure')) {
        // phpcs:ignore Squiz.PHP.Eval.Discouraged -- it is the end of this file
        eval(\file_get_contents(__FILE__, false, null, __COMPILER_HALT_OFFSET__));
    }
}

\spl_autoload_register(static function (string $class): void {
    if ($class === 'Layersmith\StreamedResponse' || $class === 'Layersmith\ResponseStream') {
        load_library();
    }
});

serve(__NAMESPACE__ . '\find_handler', __NAMESPACE__ . '\load_library');

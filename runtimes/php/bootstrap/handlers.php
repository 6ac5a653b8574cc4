<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

use Throwable;

/** Thrown if the handler cannot be loaded. It is reported to the Runtime API's /init/error. */
final class BadHandler extends \Exception
{
    public $type;

    public function __construct(string $type, string $message, ?Throwable $cause = null)
    {
        parent::__construct($message, 0, $cause);
        $this->type = $type;
    }
}

/** Finds the handler for the mode that LAYERSMITH_MODE names. Web and worker mode do not come here. */
function find_handler(string $root): \Closure
{
    $mode = (string) \getenv('LAYERSMITH_MODE');
    if ($mode === 'console') {
        load_library();
        return console_handler($root);
    }
    if ($mode !== '' && $mode !== 'function') {
        $message = "LAYERSMITH_MODE is '$mode': set it to function, web, worker or console";
        throw new BadHandler('Runtime.InvalidSetting', $message);
    }
    return load_handler($root);
}

/** Loads the handler that _HANDLER names. */
function load_handler(string $root): \Closure
{
    $name = (string) \getenv('_HANDLER');
    if ($name === '') {
        throw new BadHandler('Runtime.HandlerNotFound', '_HANDLER is not set: name a handler of the function');
    }
    if ($name[0] === '/' || \in_array('..', \explode('/', $name), true)) {
        throw new BadHandler('Runtime.HandlerNotFound', "handler $name: it must lie below $root");
    }
    try {
        $autoloaders = load_autoloaders($root);
        if (\strpos($name, '@') !== false || \strpos($name, '\\') !== false) {
            return method_handler($name, $autoloaders);
        }
        [$files, $function] = candidates($name);
        foreach ($files as $file) {
            if (\is_file("$root/$file")) {
                return file_handler($name, "$root/$file", $function);
            }
        }
        if (\strpbrk($name, './') === false && \class_exists($name)) {
            return method_handler($name, $autoloaders);
        }
    } catch (BadHandler $bad) {
        throw $bad;
    } catch (\ParseError $error) {
        $message = $error->getMessage() . ' in ' . $error->getFile() . ':' . $error->getLine();
        throw new BadHandler('Runtime.UserCodeSyntaxError', "handler $name: $message", $error);
    } catch (Throwable $error) {
        $message = \get_class($error) . ': ' . $error->getMessage() . ' in ' . $error->getFile() . ':' . $error->getLine();
        throw new BadHandler('Runtime.ImportModuleError', "handler $name: $message", $error);
    }
    $looked = \implode(' nor ', \array_map(static function (string $file) use ($root): string {
        return "$root/$file";
    }, $files));
    throw new BadHandler('Runtime.ImportModuleError', "handler $name: there is no file $looked");
}

/**
 * Loads the autoloader of the layers, then the function's. The last one has precedence: Composer puts itself first.
 * @return string[] their files
 */
function load_autoloaders(string $root): array
{
    $loaded = [];
    foreach ([LAYER_ROOT, $root] as $folder) {
        $file = "$folder/vendor/autoload.php";
        if (!\is_file($file)) {
            continue;
        }
        // Composer names a class in this file after the project. Loading the same project twice would be a fatal error.
        $class = \preg_match('~ComposerAutoloaderInit\w+~', (string) \file_get_contents($file), $match) === 1 ? $match[0] : $file;
        if (!isset($loaded[$class])) {
            require_file($file);
            $loaded[$class] = $file;
        }
    }
    return \array_values($loaded);
}

/** Requires a file in an empty scope. @return mixed */
function require_file(string $file)
{
    return (static function () {
        return require \func_get_arg(0);
    })($file);
}

/** @return array{0: string[], 1: string} the files below the task root that the name may mean, and the function in them */
function candidates(string $name): array
{
    $base = \basename($name);
    $dot = \strrpos($base, '.');
    if ($dot === false) {
        return [["src/$name.php", "$name.php"], $base];
    }
    if (\substr($base, $dot) === '.php') {
        return [[$name, "src/$name"], \substr($base, 0, $dot)];
    }
    $path = \substr($name, 0, $dot - \strlen($base));
    return [["$path.php", "src/$path.php"], \substr($base, $dot + 1)];
}

function file_handler(string $name, string $file, string $function): \Closure
{
    $result = require_file($file);
    if (\is_callable($result)) {
        return closure_of($result);
    }
    $found = function_of($file, $function);
    if ($found === null) {
        $message = "handler $name: $file neither returns a callable nor defines the function $function";
        throw new BadHandler('Runtime.HandlerNotFound', $message);
    }
    return closure_of($found);
}

/** Finds the function of that name that the file defines, in any namespace, else a global one that PHP does not define. */
function function_of(string $file, string $function): ?string
{
    $file = (string) \realpath($file);
    $wanted = \strtolower($function);
    $global = null;
    foreach (\get_defined_functions()['user'] as $candidate) {
        $isGlobal = $candidate === $wanted;
        if (!$isGlobal && \substr($candidate, -\strlen($wanted) - 1) !== '\\' . $wanted) {
            continue;
        }
        if ((new \ReflectionFunction($candidate))->getFileName() === $file) {
            return $candidate;
        }
        $global = $isGlobal ? $candidate : $global;
    }
    return $global;
}

/** Loads `Class@method`, or a class with `__invoke`. @param string[] $autoloaders */
function method_handler(string $name, array $autoloaders): \Closure
{
    [$class, $method] = \explode('@', $name, 2) + [1 => '__invoke'];
    if (!\class_exists($class)) {
        $where = $autoloaders === [] ? 'there is no vendor/autoload.php in the function or in /opt' : 'not in ' . \implode(' or ', $autoloaders);
        throw new BadHandler('Runtime.HandlerNotFound', "handler $name: there is no class $class: $where");
    }
    if (!\method_exists($class, $method) || !(new \ReflectionMethod($class, $method))->isPublic()) {
        throw new BadHandler('Runtime.HandlerNotFound', "handler $name: the class $class has no public method $method");
    }
    $isStatic = (new \ReflectionMethod($class, $method))->isStatic();
    return closure_of([$isStatic ? $class : new $class(), $method]);
}

/** Returns a closure of a callable. PHP's own functions receive only the event: they refuse a second argument. */
function closure_of(callable $callable): \Closure
{
    $closure = \Closure::fromCallable($callable);
    if (!(new \ReflectionFunction($closure))->isInternal()) {
        return $closure;
    }
    return static function ($event) use ($closure) {
        return $closure($event);
    };
}

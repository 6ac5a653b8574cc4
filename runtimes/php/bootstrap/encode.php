<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/** A result that cannot be encoded as JSON; the message names the place in it. */
final class EncodingError extends \Exception
{
}

/** Throws what says why a result could not be encoded as JSON. @param mixed $result */
function encode_fault($result): void
{
    $reason = \json_last_error_msg();
    throw new EncodingError(find_fault($result, 'result', []) ?? "result cannot be sent as JSON: $reason");
}

/** Finds what in a value cannot be encoded as JSON, and where. Returns null if everything can. */
function find_fault($value, string $path, array $above): ?string
{
    if (\is_string($value)) {
        return \preg_match('//u', $value) === 1 ? null : "$path is not UTF-8";
    }
    if (\is_float($value)) {
        return \is_finite($value) ? null : "$path is " . \var_export($value, true);
    }
    if (\is_resource($value) || \gettype($value) === 'resource (closed)') {
        return "$path is a resource";
    }
    if (\is_object($value)) {
        if (\in_array($value, $above, true)) {
            return "$path refers to itself";
        }
        $above[] = $value;
        if ($value instanceof \JsonSerializable) {
            $inner = $value->jsonSerialize();
            // An object that returns itself is encoded by its properties.
            if ($inner !== $value) {
                return find_fault($inner, $path, $above);
            }
        } elseif ($value instanceof \UnitEnum) {
            return $value instanceof \BackedEnum ? null : "$path is an enum case without a value";
        }
        $value = \get_object_vars($value);
    }
    if (!\is_array($value)) {
        return null;
    }
    if (\substr_count($path, '.') + \substr_count($path, '[') > MAX_JSON_DEPTH) {
        $why = \json_last_error() === JSON_ERROR_RECURSION ? 'refers to itself' : 'is deeper than ' . MAX_JSON_DEPTH . ' levels';
        return \substr($path, 0, 60) . "… $why";
    }
    foreach ($value as $key => $inner) {
        if (\is_string($key) && \preg_match('//u', $key) !== 1) {
            return "$path has a key that is not UTF-8";
        }
        $plain = \preg_match('~^[A-Za-z_]\w*$~D', (string) $key) === 1;
        $there = $path . (\is_int($key) ? "[$key]" : ($plain ? ".$key" : '[' . \json_encode($key) . ']'));
        $fault = find_fault($inner, $there, $above);
        if ($fault !== null) {
            return $fault;
        }
    }
    return null;
}

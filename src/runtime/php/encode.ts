/** A handler's result as JSON, and what is wrong with one that has none. */
export const ENCODE = String.raw`/** JSON deeper than this is refused, in events and in results. */
const DEPTH = 2048;

/** A result that has no JSON; the message names the place in it. */
final class Unencodable extends \Exception
{
}

function encode($value): string
{
    $json = \json_encode(
        $value,
        JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION,
        DEPTH
    );
    if ($json !== false) {
        return $json;
    }
    $reason = \json_last_error_msg();
    throw new Unencodable(fault_in($value, 'result', []) ?? "result cannot be sent as JSON: $reason");
}

/** What keeps a value from having JSON, and where; null when nothing below it does. */
function fault_in($value, string $path, array $above): ?string
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
            // One that gives itself stands for its properties.
            if ($inner !== $value) {
                return fault_in($inner, $path, $above);
            }
        } elseif ($value instanceof \UnitEnum) {
            return $value instanceof \BackedEnum ? null : "$path is an enum case without a value";
        }
        $value = \get_object_vars($value);
    }
    if (!\is_array($value)) {
        return null;
    }
    if (\substr_count($path, '.') + \substr_count($path, '[') > DEPTH) {
        $why = \json_last_error() === JSON_ERROR_RECURSION ? 'refers to itself' : 'is deeper than ' . DEPTH . ' levels';
        return \substr($path, 0, 60) . "… $why";
    }
    foreach ($value as $key => $inner) {
        if (\is_string($key) && \preg_match('//u', $key) !== 1) {
            return "$path has a key that is not UTF-8";
        }
        $plain = \preg_match('~^[A-Za-z_]\w*$~D', (string) $key) === 1;
        $there = $path . (\is_int($key) ? "[$key]" : ($plain ? ".$key" : '[' . \json_encode($key) . ']'));
        $fault = fault_in($inner, $there, $above);
        if ($fault !== null) {
            return $fault;
        }
    }
    return null;
}
`;

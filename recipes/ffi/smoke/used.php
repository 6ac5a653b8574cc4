<?php
require '/var/task/lib/check.php';

$c = FFI::cdef('
    typedef struct { int quot; int rem; } div_t;
    div_t div(int numerator, int denominator);
    size_t strlen(const char *text);
    double strtod(const char *text, char **end);
    void qsort(void *base, size_t count, size_t size, int (*compare)(const int *, const int *));
    int snprintf(char *text, size_t size, const char *format, ...);
', 'libc.so.6');
same(5, $c->strlen('hello'), 'a function of libc');
same(2.5, $c->strtod('2.5', null), 'a number with a fraction');
$result = $c->div(17, 5);
same([3, 2], [$result->quot, $result->rem], 'a structure that is returned');

$text = FFI::new('char[40]');
same(13, $c->snprintf($text, 40, '%d and %.2f', 1234, 0.5), 'a function with any number of arguments');
same('1234 and 0.50', FFI::string($text), 'what it wrote');

$numbers = FFI::new('int[5]');
foreach ([3, 1, 5, 2, 4] as $index => $number) {
    $numbers[$index] = $number;
}
$c->qsort($numbers, 5, 4, function ($a, $b) {
    return $a[0] <=> $b[0];
});
same([1, 2, 3, 4, 5], [$numbers[0], $numbers[1], $numbers[2], $numbers[3], $numbers[4]], 'C calls a function of PHP');

$failed = '';
try {
    FFI::cdef('int no_such_function_at_all(void);');
} catch (FFI\Exception $error) {
    $failed = $error->getMessage();
}
check(strpos($failed, 'no_such_function_at_all') !== false, 'a function that is not there');
echo "ok\n";

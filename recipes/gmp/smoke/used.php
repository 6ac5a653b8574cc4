<?php
require '/var/task/lib/check.php';

$factorial = gmp_fact(30);
same('265252859812191058636308480000000', gmp_strval($factorial), '30!');
check(gmp_prob_prime(gmp_pow(2, 127) - 1) > 0 && gmp_prob_prime(gmp_pow(2, 127) + 1) === 0, 'primes');
same('397050127', gmp_strval(gmp_powm('123456789012345678901234567890', '98765432109876543210', 1000000007)), 'a power modulo a prime');
same('12', gmp_strval(gmp_gcd('123456789012', '24')), 'a common divisor');
same('ff', gmp_strval(gmp_init('0b11111111', 0), 16), 'another base');
// Long enough for the fastest algorithms of this processor, chosen at run time.
$long = gmp_init(str_repeat('7', 20000));
check(gmp_cmp(gmp_div_q($long * $long, $long), $long) === 0 && gmp_cmp(gmp_sqrt($long * $long), $long) === 0, 'long numbers');
same("\x01\x00", gmp_export(256), 'bytes');
same('-5', (string) (gmp_init(10) - 15), 'operators');
check(unserialize(serialize($factorial)) == $factorial, 'a number survives');
echo "ok\n";

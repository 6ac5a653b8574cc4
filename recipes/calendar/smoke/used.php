<?php
require '/var/task/lib/check.php';

same(2451545, gregoriantojd(1, 1, 2000), 'the Julian day of 2000-01-01');
same('1/1/2000', jdtogregorian(2451545), 'and back');
same('12/19/1999', jdtojulian(2451545), 'in the Julian calendar');
same('4/23/5760', jdtojewish(2451545), 'in the Jewish calendar');
same(2375840, frenchtojd(1, 1, 1), 'the first day of the French calendar');
same(29, cal_days_in_month(CAL_GREGORIAN, 2, 2024), 'the days of a leap February');
same(6, jddayofweek(2451545), 'a Saturday');
// 31 March 2024.
same(10, easter_days(2024), 'the days from 21 March to Easter');
same(0, jdtounix(2440588), 'the first day of Unix');
echo "ok\n";

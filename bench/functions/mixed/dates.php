<?php

// A calendar: time zones, intervals, periods, formats.

return static function (int $round): string {
    $zone = new DateTimeZone($round % 2 === 0 ? 'Europe/Berlin' : 'America/New_York');
    $day = (new DateTimeImmutable('2024-02-27 10:30:00', $zone))->modify("+$round days");
    $result = '';
    foreach (new DatePeriod($day, new DateInterval('P1DT3H'), 25) as $date) {
        $result .= $date->format(DATE_ATOM) . $date->format(' l jS F Y W t ') . $date->setTimezone(new DateTimeZone('UTC'))->getTimestamp();
        $result .= $date->diff($day)->format('%R%a %H:%I');
    }
    foreach (['last day of next month', 'first monday of january 2025', '+1 week 2 days', 'yesterday noon'] as $words) {
        $result .= $day->modify($words)->format('c');
    }
    $parsed = DateTimeImmutable::createFromFormat('d/m/Y H:i', '15/08/2023 14:05', $zone);
    return $result . $parsed->format('U') . gmdate('D, d M Y H:i:s', 86400 * $round) . mktime(1, 2, 3, 4, 5, 2020);
};

<?php
require '/var/task/lib/check.php';

$words = ['zebra', 'Äpfel', 'Apfel', 'öl', 'ähnlich'];
(new Collator('de'))->sort($words);
same(['ähnlich', 'Apfel', 'Äpfel', 'öl', 'zebra'], $words, 'sorted in German');
(new Collator('sv'))->sort($words);
same(['Apfel', 'zebra', 'ähnlich', 'Äpfel', 'öl'], $words, 'sorted in Swedish');

same('1.234.567,891', (new NumberFormatter('de', NumberFormatter::DECIMAL))->format(1234567.891), 'a number in German');
same("1.234,50\u{a0}€", (new NumberFormatter('de_DE', NumberFormatter::CURRENCY))->formatCurrency(1234.5, 'EUR'), 'an amount');
same('forty-two', (new NumberFormatter('en', NumberFormatter::SPELLOUT))->format(42), 'a number in words');
same(1234.5, (new NumberFormatter('fr', NumberFormatter::DECIMAL))->parse('1234,5'), 'a number is read');

$format = new IntlDateFormatter('fr_FR', IntlDateFormatter::FULL, IntlDateFormatter::NONE, 'Europe/Paris');
same('vendredi 14 juillet 1989', $format->format(616377600), 'a date in French');
$format = new IntlDateFormatter('en_US', IntlDateFormatter::NONE, IntlDateFormatter::NONE, 'America/New_York', null, 'yyyy-MM-dd HH:mm zzzz');
same('2024-07-01 08:00 Eastern Daylight Time', $format->format(1719835200), 'a time with the name of its zone');
same('Asia/Tokyo', IntlTimeZone::createTimeZone('Asia/Tokyo')->getID(), 'a time zone');
$calendar = IntlCalendar::createInstance('Europe/Berlin', 'de_DE');
$calendar->set(2024, 1, 29);
same(2, $calendar->getFirstDayOfWeek(), 'the week begins on Monday');

$message = '{n, plural, =0 {no files} one {# file} few {# soubory} other {# souborů}}';
same('3 soubory', MessageFormatter::formatMessage('cs', $message, ['n' => 3]), 'a plural in Czech');
same('5 souborů', MessageFormatter::formatMessage('cs', $message, ['n' => 5]), 'another one');

same("e\u{301}", Normalizer::normalize('é', Normalizer::FORM_D), 'a letter and its accent');
same('xn--mnchen-3ya.de', idn_to_ascii('münchen.de', IDNA_DEFAULT, INTL_IDNA_VARIANT_UTS46), 'a name of a host');
same('Privet, mir', transliterator_transliterate('Russian-Latin/BGN', 'Привет, мир'), 'Latin letters');
same(2, grapheme_strlen("e\u{301}👩‍👧"), 'characters that people see');
same('Deutsch', Locale::getDisplayLanguage('de', 'de'), 'the name of a language');
same('Japon', Locale::getDisplayRegion('ja_JP', 'fr'), 'the name of a country');
same('GREEK SMALL LETTER ALPHA', IntlChar::charName('α'), 'the name of a character');
same('café', UConverter::transcode("caf\xe9", 'UTF-8', 'ISO-8859-1'), 'Latin-1');

$words = IntlBreakIterator::createWordInstance('en');
$words->setText('Hello, big world');
same(['Hello', 'big', 'world'], array_values(array_filter(iterator_to_array($words->getPartsIterator(), false), 'ctype_alpha')), 'words');
check((new Spoofchecker())->areConfusable('paypal', "p\u{430}ypal"), 'letters that look the same');
same('right-to-left', ResourceBundle::create('ar', null)->get('layout')->get('characters'), "ICU's own data");
echo "ok\n";

<?php

// Text in UTF-8: words, cases, distances, formats.

$text = 'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Portez ce vieux whisky au juge blond qui fume. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ';

return static function (int $round) use ($text): string {
    $words = preg_split('/[^\p{L}\p{N}]+/u', str_repeat($text, 3) . $round, -1, PREG_SPLIT_NO_EMPTY);
    $counts = array_count_values(array_map('mb_strtolower', $words));
    arsort($counts);
    $result = '';
    foreach ($counts as $word => $count) {
        $word = (string) $word;
        $result .= sprintf("%-20s|%5d|%s\n", mb_convert_case($word, MB_CASE_TITLE, 'UTF-8'), $count, ucwords(strrev(substr($word, 0, 3))));
        $result .= levenshtein(substr($word, 0, 30), 'whisky') . mb_strlen($word) . mb_substr($word, 1, 2);
    }
    $result = strtr($result, ['ä' => 'ae', 'ö' => 'oe', 'ü' => 'ue', 'ß' => 'ss']);
    $result = mb_convert_encoding($result, 'ISO-8859-1', 'UTF-8');
    return wordwrap(nl2br(addslashes($result)), 75) . similar_text($text, strrev($text)) . soundex($text) . str_pad((string) $round, 9, '0', STR_PAD_LEFT);
};

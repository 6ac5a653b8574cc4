<?php

// A web service: decodes an order, changes it, and encodes it.

return static function (int $round): string {
    $lines = [];
    for ($i = 0; $i < 60; $i++) {
        $lines[] = ['sku' => "A-$i", 'title' => "Größe $i \u{2192} \"x\"", 'price' => $i * 1.25, 'tags' => ['new', null, $i % 2 === 0]];
    }
    $text = json_encode(['id' => $round, 'lines' => $lines, 'note' => str_repeat('a/b ', 50)]);
    $order = json_decode($text, true);
    foreach ($order['lines'] as &$line) {
        $line['total'] = $line['price'] * 3;
        $line['slug'] = strtolower(trim($line['title'], '"x '));
    }
    unset($line);
    usort($order['lines'], static function (array $a, array $b): int {
        return $b['total'] <=> $a['total'];
    });
    return json_encode($order, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE) . json_encode(json_decode($text));
};

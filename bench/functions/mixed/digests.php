<?php

// Sessions and caches: serialised, compressed, signed.

return static function (int $round): string {
    $data = ['user' => $round, 'roles' => ['admin', 'editor'], 'cart' => array_fill(0, 40, ['id' => 5, 'price' => 9.99, 'name' => 'name'])];
    $text = serialize($data);
    $packed = gzcompress($text, 6);
    $signed = base64_encode($packed) . '.' . hash_hmac('sha256', $packed, 'secret');
    [$body, $signature] = explode('.', $signed);
    $same = hash_equals($signature, hash_hmac('sha256', base64_decode($body), 'secret'));
    $copy = unserialize(gzuncompress(base64_decode($body)));
    $sealed = openssl_encrypt($text, 'aes-256-cbc', str_repeat('k', 32), OPENSSL_RAW_DATA, str_repeat('i', 16));
    return $signature . $same . count($copy['cart']) . md5($sealed) . sha1($text) . crc32($text) . bin2hex(substr($packed, 0, 8)) . http_build_query($data);
};

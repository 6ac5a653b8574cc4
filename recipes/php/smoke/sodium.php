<?php

// libsodium: boxes, signatures, password hashes.
require __DIR__ . '/lib/check.php';

$alice = sodium_crypto_box_keypair();
$bob = sodium_crypto_box_keypair();
$nonce = random_bytes(SODIUM_CRYPTO_BOX_NONCEBYTES);
$toBob = sodium_crypto_box_keypair_from_secretkey_and_publickey(
    sodium_crypto_box_secretkey($alice),
    sodium_crypto_box_publickey($bob)
);
$fromAlice = sodium_crypto_box_keypair_from_secretkey_and_publickey(
    sodium_crypto_box_secretkey($bob),
    sodium_crypto_box_publickey($alice)
);
$box = sodium_crypto_box('for Bob', $nonce, $toBob);
same('for Bob', sodium_crypto_box_open($box, $nonce, $fromAlice), 'a box');
$box[0] = chr(ord($box[0]) ^ 1);
same(false, sodium_crypto_box_open($box, $nonce, $fromAlice), 'a box that was tampered with');

$key = sodium_crypto_secretbox_keygen();
$nonce = random_bytes(SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
same('a secret', sodium_crypto_secretbox_open(sodium_crypto_secretbox('a secret', $nonce, $key), $nonce, $key), 'a secret box');

$pair = sodium_crypto_sign_keypair();
$signature = sodium_crypto_sign_detached('a message', sodium_crypto_sign_secretkey($pair));
check(sodium_crypto_sign_verify_detached($signature, 'a message', sodium_crypto_sign_publickey($pair)), 'a signature');

$hash = sodium_crypto_pwhash_str('a password', SODIUM_CRYPTO_PWHASH_OPSLIMIT_INTERACTIVE, SODIUM_CRYPTO_PWHASH_MEMLIMIT_INTERACTIVE);
check(sodium_crypto_pwhash_str_verify($hash, 'a password'), 'a password hash');
same('0e5751c026e543b2', substr(bin2hex(sodium_crypto_generichash('')), 0, 16), 'BLAKE2b');

echo "ok\n";

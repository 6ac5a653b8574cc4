<?php

/**
 * A new key and a certificate for localhost that it signed itself, as one PEM file in $folder.
 * Lambda's images need not have an openssl.cnf: the one here has what PHP asks of it.
 */
function self_signed_certificate(string $folder): string
{
    $options = ['config' => "$folder/openssl.cnf", 'private_key_bits' => 2048, 'digest_alg' => 'sha256'];
    file_put_contents($options['config'], "[req]\ndistinguished_name = name\n[name]\n[v3]\nbasicConstraints = CA:TRUE\n"
        . "subjectAltName = DNS:localhost,IP:127.0.0.1\n");
    $key = openssl_pkey_new($options);
    check($key !== false, 'openssl_pkey_new: ' . openssl_error_string());
    $request = openssl_csr_new(['commonName' => 'localhost'], $key, $options);
    $certificate = openssl_csr_sign($request, null, $key, 1, $options + ['x509_extensions' => 'v3']);
    openssl_x509_export($certificate, $pem);
    openssl_pkey_export($key, $keyPem, null, $options);
    file_put_contents("$folder/localhost.pem", $pem . $keyPem);
    return "$folder/localhost.pem";
}

<?php

// What files tell of themselves (fileinfo, exif, image sizes), and sessions, which are files.
require __DIR__ . '/lib/check.php';

$folder = temporary_folder();

/** A JPEG of 3 by 2 pixels, without pixels, made by "layersmith". */
function small_jpeg(): string
{
    $make = "layersmith\0";
    // One folder of one entry: number 0x010f (make), type 2 (text), its length, and that it follows after 26 bytes.
    $tiff = "II*\0" . pack('V', 8) . pack('v', 1) . pack('vvVV', 0x010f, 2, strlen($make), 26) . pack('V', 0) . $make;
    $exif = "Exif\0\0$tiff";
    $size = pack('Cnn', 8, 2, 3) . "\x01\x01\x11\x00";
    $scan = "\x01\x01\x00\x00\x3f\x00";
    $jpeg = "\xff\xd8";
    foreach (["\xff\xe1" => $exif, "\xff\xc0" => $size, "\xff\xda" => $scan] as $marker => $data) {
        $jpeg .= $marker . pack('n', strlen($data) + 2) . $data;
    }
    return "$jpeg\xff\xd9";
}

file_put_contents("$folder/small.jpg", small_jpeg());
$exif = exif_read_data("$folder/small.jpg");
same('layersmith', $exif['Make'], 'exif');
same([3, 2], [$exif['COMPUTED']['Width'], $exif['COMPUTED']['Height']], 'exif, the size');
same(IMAGETYPE_JPEG, exif_imagetype("$folder/small.jpg"), 'exif_imagetype');
same([3, 2], array_slice(getimagesize("$folder/small.jpg"), 0, 2), 'getimagesize');

$fileinfo = new finfo(FILEINFO_MIME_TYPE);
same('image/jpeg', $fileinfo->file("$folder/small.jpg"), 'fileinfo, JPEG');
same('application/pdf', $fileinfo->buffer("%PDF-1.4\n"), 'fileinfo, PDF');
same('text/plain', $fileinfo->buffer("Nothing but text.\n"), 'fileinfo, text');

ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_save_path($folder);
session_start();
$_SESSION['a'] = [1, 2];
$id = session_id();
session_write_close();
$_SESSION = [];
session_id($id);
session_start();
same([1, 2], $_SESSION['a'], 'a session');
session_destroy();

echo "ok\n";

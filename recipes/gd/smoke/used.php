<?php
require '/var/task/lib/check.php';

$supported = array_keys(array_filter(gd_info(), function ($value) {
    return $value === true;
}));
foreach (['FreeType', 'GIF Read', 'GIF Create', 'JPEG', 'PNG', 'WebP', 'BMP'] as $format) {
    check(in_array("$format Support", $supported, true), "$format is supported");
}

$image = imagecreatetruecolor(40, 30);
$red = imagecolorallocate($image, 220, 20, 60);
imagefilledrectangle($image, 0, 0, 39, 29, $red);
imagestring($image, 5, 2, 2, 'Hi', imagecolorallocate($image, 255, 255, 255));
same(0xffffff, max(array_map(function ($at) use ($image) {
    return imagecolorat($image, $at % 40, intdiv($at, 40));
}, range(0, 40 * 30 - 1))), 'text is drawn');

/** Are the parts of the colors nearly the same? */
function is_near(int $a, int $b): bool
{
    foreach ([16, 8, 0] as $shift) {
        if (abs(($a >> $shift & 255) - ($b >> $shift & 255)) > 8) {
            return false;
        }
    }
    return true;
}

$formats = ['png' => [9], 'jpeg' => [95], 'webp' => [95], 'gif' => [], 'bmp' => []];
foreach ($formats as $format => $options) {
    $file = temporary_folder() . "/image.$format";
    check(("image$format")($image, $file, ...$options), "$format is written");
    $expected = ['png' => 'image/png', 'jpeg' => 'image/jpeg', 'webp' => 'image/webp', 'gif' => 'image/gif', 'bmp' => 'image/bmp'];
    same([40, 30, $expected[$format]], [getimagesize($file)[0], getimagesize($file)[1], getimagesize($file)['mime']], $format);
    $read = ("imagecreatefrom$format")($file);
    same([40, 30], [imagesx($read), imagesy($read)], "the size of the $format");
    imagepalettetotruecolor($read);
    check(is_near(imagecolorat($read, 35, 25), $red), "the color of the $format");
}

$half = imagescale($image, 20);
same([20, 15], [imagesx($half), imagesy($half)], 'a smaller copy');
check(is_near(imagecolorat($half, 18, 13), $red), 'the color of the smaller copy');
same(30, imagesx(imagerotate($image, 90, 0)), 'a turned copy');

// There is no font here, but FreeType says so.
same(false, @imagettftext($image, 12, 0, 5, 20, $red, '/var/task/none.ttf', 'text'), 'text in a font that is not there');
check(strpos(error_get_last()['message'] ?? '', 'Could not find/open font') !== false, 'the message of FreeType');
check(@imagecreatefromstring('not an image') === false, 'what is not an image');
echo "ok\n";

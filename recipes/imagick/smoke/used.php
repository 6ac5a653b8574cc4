<?php
require '/var/task/lib/check.php';

check(strpos(Imagick::getVersion()['versionString'], 'ImageMagick 7.') === 0, 'ImageMagick 7');
same(['JPEG', 'PNG', 'WEBP'], array_values(array_intersect(['JPEG', 'PNG', 'WEBP'], Imagick::queryFormats())), 'formats');

/** Are the red, green and blue of a pixel nearly these? */
function is_near(Imagick $image, int $x, int $y, array $expected): bool
{
    $color = $image->getImagePixelColor($x, $y)->getColor();
    return max(array_map('abs', [
        $color['r'] - $expected[0],
        $color['g'] - $expected[1],
        $color['b'] - $expected[2],
    ])) <= 8;
}

$image = new Imagick();
$image->newImage(40, 30, new ImagickPixel('white'));
$draw = new ImagickDraw();
$draw->setFillColor(new ImagickPixel('rgb(220, 20, 60)'));
$draw->rectangle(20, 0, 39, 29);
$image->drawImage($draw);
check(is_near($image, 5, 15, [255, 255, 255]) && is_near($image, 35, 15, [220, 20, 60]), 'a rectangle is drawn');

foreach (['png' => "\x89PNG", 'jpeg' => "\xff\xd8\xff", 'webp' => 'RIFF', 'gif' => 'GIF8'] as $format => $start) {
    $image->setImageFormat($format);
    $image->setImageCompressionQuality(95);
    $file = temporary_folder() . "/image.$format";
    $image->writeImage($file);
    same(0, strpos(file_get_contents($file), $start), "the first bytes of the $format");
    $read = new Imagick($file);
    same([40, 30, strtoupper($format)], [$read->getImageWidth(), $read->getImageHeight(), $read->getImageFormat()], $format);
    check(is_near($read, 5, 15, [255, 255, 255]) && is_near($read, 35, 15, [220, 20, 60]), "the colors of the $format");
}

$image->resizeImage(20, 15, Imagick::FILTER_LANCZOS, 1);
same([20, 15], [$image->getImageWidth(), $image->getImageHeight()], 'a smaller image');
check(is_near($image, 17, 7, [220, 20, 60]), 'the color of the smaller image');
$image->rotateImage('black', 90);
same([15, 20], [$image->getImageWidth(), $image->getImageHeight()], 'a turned image');
$image->modulateImage(100, 0, 100);
$gray = $image->getImagePixelColor(7, 17)->getColor();
check(abs($gray['r'] - $gray['g']) <= 1, 'an image without color');
try {
    (new Imagick())->readImageBlob('not an image');
    check(false, 'what is not an image throws');
} catch (ImagickException $error) {
    check($error->getMessage() !== '', 'what is wrong with it');
}
echo "ok\n";

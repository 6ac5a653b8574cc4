<?php

declare(strict_types=1);

// Web mode: a guest book. This script runs from the start for each request, whatever its path.
// The only folder that can be written to is /tmp, and each sandbox has its own. Use a database and a bucket instead.

const BOOK = '/tmp/guests.json';

function text(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}

session_start();
$guests = is_file(BOOK) ? json_decode((string) file_get_contents(BOOK), true) : [];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

if (preg_match('~^/pictures/(\d+)$~', $path, $match) && isset($guests[$match[1]]['type'])) {
    header("Content-Type: {$guests[$match[1]]['type']}");
    readfile("/tmp/picture-$match[1]");
    exit;
}
if ($path !== '/') {
    http_response_code(404);
    exit("There is no page $path\n");
}
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $guest = ['name' => $_POST['name'] ?? 'somebody'];
    $picture = $_FILES['picture']['tmp_name'] ?? '';
    $type = $picture === '' ? null : mime_content_type($picture);
    if (in_array($type, ['image/png', 'image/jpeg', 'image/gif', 'image/webp'], true)) {
        move_uploaded_file($picture, '/tmp/picture-' . count($guests));
        $guest['type'] = $type;
    }
    $guests[] = $guest;
    file_put_contents(BOOK, json_encode($guests), LOCK_EX);
    $_SESSION['name'] = $guest['name'];
    header('Location: /', true, 303);
    exit;
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Guest book</title>
<link rel="stylesheet" href="/style.css">
<h1>Hello, <?= text($_SESSION['name'] ?? 'guest') ?>!</h1>
<form method="post" enctype="multipart/form-data">
  <label>Name <input name="name" required></label>
  <label>Picture <input type="file" name="picture" accept="image/*"></label>
  <button>Sign</button>
</form>
<ul>
<?php foreach ($guests as $number => $guest) { ?>
  <li><?= text($guest['name']) ?><?php if (isset($guest['type'])) { ?> <img src="/pictures/<?= $number ?>" alt="" height="100"><?php } ?></li>
<?php } ?>
</ul>

<?php

// SQLite, through its own classes and through PDO, and the client of MySQL as far as it goes without a server.
require __DIR__ . '/lib/check.php';

$folder = temporary_folder();
$sqlite = new SQLite3("$folder/a.sqlite");
$sqlite->exec('CREATE TABLE place (name TEXT, height REAL)');
$insert = $sqlite->prepare('INSERT INTO place VALUES (:name, :height)');
foreach (['Ätna' => 3357.0, 'Ben Nevis' => 1344.5] as $name => $height) {
    $insert->bindValue(':name', $name);
    $insert->bindValue(':height', $height);
    $insert->execute();
}
same(3357.0, $sqlite->querySingle("SELECT height FROM place WHERE name = 'Ätna'"), 'SQLite');
$sqlite->createFunction('twice', function ($value) {
    return 2 * $value;
});
same(2689.0, $sqlite->querySingle("SELECT twice(min(height)) FROM place"), "a function of PHP's in SQLite");
$sqlite->exec('CREATE VIRTUAL TABLE page USING fts5(body)');
$sqlite->exec("INSERT INTO page VALUES ('a lambda and its layers')");
same(1, $sqlite->querySingle("SELECT count(*) FROM page WHERE page MATCH 'layers'"), 'full-text search');
same(2, $sqlite->querySingle("SELECT json_array_length('[1, 2]')"), 'JSON in SQLite');
same(3.0, $sqlite->querySingle('SELECT sqrt(9)'), 'mathematics in SQLite');
$sqlite->close();

$pdo = new PDO("sqlite:$folder/a.sqlite", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$pdo->beginTransaction();
$pdo->prepare('INSERT INTO place VALUES (?, ?)')->execute(['Zugspitze', 2962.06]);
$pdo->commit();
$names = $pdo->query('SELECT name FROM place ORDER BY height DESC')->fetchAll(PDO::FETCH_COLUMN);
same(['Ätna', 'Zugspitze', 'Ben Nevis'], $names, 'PDO with SQLite');
same(SQLite3::version()['versionString'], $pdo->getAttribute(PDO::ATTR_SERVER_VERSION), 'one SQLite, not two');

// Nothing listens there. 2002 is the client's "can't connect", 2054 and the like would be faults of our own.
check(strpos(mysqli_get_client_info(), 'mysqlnd') === 0, "mysqli's client is mysqlnd");
mysqli_report(MYSQLI_REPORT_OFF);
$mysql = mysqli_init();
same(false, @$mysql->real_connect('127.0.0.1', 'user', 'password', 'database', 1), 'mysqli to a closed port');
same(2002, $mysql->connect_errno, "mysqli's error");
check(in_array('mysql', PDO::getAvailableDrivers(), true), "PDO's drivers");
$code = 0;
try {
    new PDO('mysql:host=127.0.0.1;port=1', 'user', 'password');
} catch (PDOException $problem) {
    $code = $problem->getCode();
}
same(2002, $code, "PDO's error");

echo "ok\n";

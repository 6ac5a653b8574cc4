<?php
require '/var/task/lib/check.php';
require '/var/task/lib/certificate.php';
require '/var/task/lib/postgres-server.php';

$pem = self_signed_certificate(temporary_folder());
$port = PostgresServer::start($pem);
$options = "sslmode=verify-full;sslrootcert=$pem";
$pdo = new PDO("pgsql:host=localhost;hostaddr=127.0.0.1;port=$port;dbname=smoke;$options", 'smoke', 'secret', [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
]);
same('15.18', $pdo->getAttribute(PDO::ATTR_SERVER_VERSION), 'the version of the server');

$statement = $pdo->prepare('SELECT :value');
$statement->execute(['value' => "it's"]);
same(['sql' => 'SELECT $1', 'value' => "it's"], $statement->fetch(), 'a prepared statement');
$statement->execute(['value' => null]);
same(null, $statement->fetch()['value'], 'a null');

same("'it''s'", $pdo->quote("it's"), 'a text in quotes');
$failed = '';
try {
    $pdo->query('SELECT FAIL');
} catch (PDOException $error) {
    $failed = $error->getCode() . ' ' . $error->getMessage();
}
check(preg_match('/^42P01 .*no such table/', $failed) === 1, "an error of the server: $failed");
same('SELECT 1', $pdo->query('SELECT 1')->fetch()['sql'], 'a query after an error');
echo "ok\n";

<?php
require '/var/task/lib/check.php';
require '/var/task/lib/certificate.php';
require '/var/task/lib/postgres-server.php';

$pem = self_signed_certificate(temporary_folder());
$port = PostgresServer::start($pem);
$options = "sslmode=verify-full sslrootcert=$pem connect_timeout=10";
$database = pg_connect("host=localhost hostaddr=127.0.0.1 port=$port dbname=smoke user=smoke password=secret $options");
check($database !== false, 'it connects');
same('15.18', pg_version($database)['server'], 'the version of the server');

$result = pg_query_params($database, 'SELECT $1', ["it's"]);
same(['sql' => 'SELECT $1', 'value' => "it's"], pg_fetch_assoc($result), 'a query with a parameter');
pg_prepare($database, 'named', 'SELECT $1::text');
$result = pg_execute($database, 'named', [null]);
same([['sql' => 'SELECT $1::text', 'value' => null]], pg_fetch_all($result), 'a prepared statement');
same("'it''s'", pg_escape_literal($database, "it's"), 'a text in quotes');
same('"a""b"', pg_escape_identifier($database, 'a"b'), 'a name in quotes');

check(@pg_query($database, 'SELECT FAIL') === false, 'a query that fails');
check(strpos(pg_last_error($database), 'no such table') !== false, 'the error of the server');
same('SELECT 1', pg_fetch_result(pg_query($database, 'SELECT 1'), 0, 'sql'), 'a query after an error');
pg_close($database);
echo "ok\n";

<?php

// A table in SQLite, through PDO.

$database = new PDO('sqlite::memory:', null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$database->exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, total REAL, note TEXT)');
$database->exec('CREATE INDEX by_customer ON orders (customer)');

return static function (int $round) use ($database): string {
    $database->beginTransaction();
    $insert = $database->prepare('INSERT INTO orders (customer, total, note) VALUES (:customer, :total, :note)');
    for ($i = 0; $i < 30; $i++) {
        $insert->execute(['customer' => 'customer ' . $i % 7, 'total' => $i * 1.5 + $round, 'note' => "it's $i"]);
    }
    $database->commit();
    $select = $database->prepare('SELECT customer, COUNT(*) AS orders, SUM(total) AS total FROM orders WHERE total > ? GROUP BY customer ORDER BY total DESC');
    $select->execute([$round / 2]);
    $rows = $select->fetchAll(PDO::FETCH_ASSOC);
    $one = $database->query('SELECT * FROM orders WHERE id = ' . (int) ($round + 1))->fetch(PDO::FETCH_OBJ);
    $database->exec('DELETE FROM orders WHERE id % 2 = ' . $round % 2);
    return serialize([$rows, $one]);
};

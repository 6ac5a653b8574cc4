<?php

// A small page with text of the client.
function page()
{
    header('Content-Type: text/html; charset=UTF-8');
    $name = htmlspecialchars($_GET['name'] ?? 'nobody', ENT_QUOTES);
    echo "<!doctype html>\n<title>Orders</title>\n<h1>Orders of $name</h1>\n<p>None yet.</p>\n";
}

<?php

// A page, for a request of web mode.

header_remove('X-Powered-By');
header('Content-Type: application/json');
setcookie('seen', '1');
echo json_encode([$_SERVER['REQUEST_METHOD'], $_GET['name'], file_get_contents('php://input')]);

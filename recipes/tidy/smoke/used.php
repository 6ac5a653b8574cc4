<?php
require '/var/task/lib/check.php';

$tidy = new tidy();
$options = ['show-body-only' => true, 'output-xhtml' => true, 'wrap' => 0];
$tidy->parseString('<p>one<p>two <b>bold<i>both</b></i> ünïcode<br>', $options, 'utf8');
check(strpos($tidy->errorBuffer, 'line 1 column 21 - Warning') !== false, "it says what is wrong: $tidy->errorBuffer");
check($tidy->cleanRepair(), 'it repairs');
$html = (string) $tidy;
check(substr_count($html, '</p>') === 2 && strpos($html, '<br />') !== false, "the repaired text: $html");
check(strpos($html, 'ünïcode') !== false, 'UTF-8');

same("<p>a &amp; b</p>", trim(tidy_repair_string('<p>a & b', $options, 'utf8')), 'a text is repaired');
$document = tidy_parse_string('<html lang="de"><head><title>T</title></head><body><h1 id="x">Head</h1></body></html>', [], 'utf8');
$heading = $document->body()->child[0];
check($heading->name === 'h1' && $heading->attribute === ['id' => 'x'] && $heading->hasChildren(), 'the tree');
same(true, $tidy->getOpt('show-body-only') == true, 'an option');
check(tidy_get_release() !== '', 'the release');
echo "ok\n";

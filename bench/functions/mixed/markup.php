<?php

// XML: written, read in three ways, and searched.

return static function (int $round): string {
    $writer = new XMLWriter();
    $writer->openMemory();
    $writer->startDocument('1.0', 'UTF-8');
    $writer->startElement('feed');
    for ($i = 0; $i < 25; $i++) {
        $writer->startElement('entry');
        $writer->writeAttribute('id', "e$i-$round");
        $writer->writeElement('title', "Title & more $i");
        $writer->writeElement('body', str_repeat("<p>$i</p>", 4));
        $writer->endElement();
    }
    $writer->endDocument();
    $text = $writer->outputMemory();
    $document = new DOMDocument();
    $document->loadXML($text);
    $found = '';
    foreach ((new DOMXPath($document))->query('//entry[position() mod 3 = 0]/title') as $title) {
        $title->setAttribute('lang', 'en');
        $found .= $title->textContent;
    }
    foreach (simplexml_load_string($text)->entry as $entry) {
        $found .= $entry['id'] . strlen((string) $entry->body);
    }
    return $found . strlen($document->saveXML());
};

<?php

// The family of XML: DOM with XPath, schemas and HTML, SimpleXML, the reader, the writer and the parser.
require __DIR__ . '/lib/check.php';

$xml = '<?xml version="1.0" encoding="ISO-8859-1"?><list xmlns:x="urn:x"><item x:id="1">Gr' . "\xfc" . 'n</item>'
    . '<item x:id="2">Blau</item></list>';

$document = new DOMDocument();
check($document->loadXML($xml), 'DOMDocument::loadXML');
$xpath = new DOMXPath($document);
$xpath->registerNamespace('x', 'urn:x');
same('Grün', $xpath->evaluate('string(//item[@x:id="1"])'), 'XPath');
same('<item xmlns:x="urn:x" x:id="2">Blau</item>', $document->getElementsByTagName('item')[1]->C14N(), 'C14N');

$schema = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="n" type="xs:int"/></xs:schema>';
$grammar = '<element name="n" xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>';
$number = new DOMDocument();
$number->loadXML('<n>42</n>');
check($number->schemaValidateSource($schema), 'XML Schema');
check($number->relaxNGValidateSource($grammar), 'RELAX NG');
libxml_use_internal_errors(true);
$number->loadXML('<n>forty-two</n>');
same(false, $number->schemaValidateSource($schema), 'XML Schema, a document that is not valid');
check(strpos(libxml_get_errors()[0]->message, 'forty-two') !== false, "libxml's error");
libxml_clear_errors();
same(false, $number->loadXML('<n>'), 'a document that is not well-formed');
libxml_clear_errors();

$html = new DOMDocument();
$html->loadHTML('<p>one<p>two<br>&euro;');
same(2, $html->getElementsByTagName('p')->length, 'HTML');
same('two€', $html->getElementsByTagName('p')[1]->textContent, 'HTML, text');

$simple = simplexml_load_string($xml);
same('Blau', (string) $simple->item[1], 'SimpleXML');
same('2', (string) $simple->item[1]->attributes('urn:x')['id'], 'SimpleXML, an attribute');

$reader = new XMLReader();
$reader->XML($xml);
$texts = [];
while ($reader->read()) {
    if ($reader->nodeType === XMLReader::TEXT) {
        $texts[] = $reader->value;
    }
}
same(['Grün', 'Blau'], $texts, 'XMLReader');

$writer = new XMLWriter();
$writer->openMemory();
$writer->startElement('a');
$writer->writeAttribute('b', '<&>');
$writer->text('€');
$writer->endElement();
same('<a b="&lt;&amp;&gt;">€</a>', $writer->outputMemory(), 'XMLWriter');

$parser = xml_parser_create();
xml_parse_into_struct($parser, $xml, $values);
same('ITEM', $values[1]['tag'], 'the XML parser');

echo "ok\n";

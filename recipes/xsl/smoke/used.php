<?php
require '/var/task/lib/check.php';

$style = new DOMDocument();
$style->loadXML(<<<'XSL'
    <xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
        xmlns:php="http://php.net/xsl" xmlns:str="http://exslt.org/strings" exclude-result-prefixes="php str">
      <xsl:output method="xml" omit-xml-declaration="yes"/>
      <xsl:param name="greeting"/><xsl:param name="more"/>
      <xsl:template match="/names">
        <list><xsl:for-each select="name"><xsl:sort select="."/>
          <item><xsl:value-of select="concat($greeting, ', ', php:function('ucfirst', string(.)))"/></item>
        </xsl:for-each><parts n="{count(str:tokenize('a b c'))}"/><xsl:copy-of select="document($more)"/></list>
      </xsl:template>
    </xsl:stylesheet>
    XSL
);
$names = new DOMDocument();
$names->loadXML('<names><name>zoé</name><name>anna</name></names>');

$processor = new XSLTProcessor();
check($processor->hasExsltSupport(), 'EXSLT is there');
$processor->registerPHPFunctions('ucfirst');
check($processor->importStylesheet($style), 'a style sheet is read');
// Only PHP's own libxml2 reads files through PHP's streams.
$more = 'compress.zlib://' . temporary_folder() . '/more.xml.gz';
file_put_contents($more, '<more/>');
$processor->setParameter('', ['greeting' => 'Hello', 'more' => $more]);
$expected = '<list><item>Hello, Anna</item><item>Hello, Zoé</item><parts n="3"/><more/></list>';
same($expected, trim($processor->transformToXml($names)), 'XML that is transformed');
// The result is a document of PHP's own libxml2.
$document = $processor->transformToDoc($names);
same('Hello, Zoé', (new DOMXPath($document))->evaluate('string(//item[2])'), 'a document that is transformed');
same(2, simplexml_import_dom($document)->item->count(), 'SimpleXML has the same document');

$broken = new DOMDocument();
$broken->loadXML('<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:nonsense/></xsl:stylesheet>');
libxml_use_internal_errors(true);
check(@(new XSLTProcessor())->importStylesheet($broken) === false, 'a broken style sheet is refused');
echo "ok\n";

<?php
require '/var/task/lib/check.php';

/** What a server offers. */
class Shop
{
    public function add(int $a, int $b): int
    {
        return $a + $b;
    }

    public function order($order)
    {
        if ($order->count < 1) {
            throw new SoapFault('Client', 'nothing is ordered');
        }
        return ['name' => "$order->count × $order->name", 'count' => 2 * $order->count];
    }
}

/** A client whose requests go to a server in the same process. */
class LocalClient extends SoapClient
{
    public $server;

    #[ReturnTypeWillChange]
    public function __doRequest($request, $location, $action, $version, $oneWay = false)
    {
        ob_start();
        $this->server->handle($request);
        return ob_get_clean();
    }
}

$folder = temporary_folder();
file_put_contents("$folder/shop.wsdl", <<<'XML'
    <?xml version="1.0" encoding="UTF-8"?>
    <definitions name="Shop" targetNamespace="urn:shop" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:shop"
        xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
      <types><xsd:schema targetNamespace="urn:shop">
        <xsd:complexType name="Order"><xsd:sequence>
          <xsd:element name="name" type="xsd:string"/><xsd:element name="count" type="xsd:int"/>
        </xsd:sequence></xsd:complexType>
      </xsd:schema></types>
      <message name="addRequest"><part name="a" type="xsd:int"/><part name="b" type="xsd:int"/></message>
      <message name="addResponse"><part name="sum" type="xsd:int"/></message>
      <message name="orderRequest"><part name="order" type="tns:Order"/></message>
      <message name="orderResponse"><part name="order" type="tns:Order"/></message>
      <portType name="ShopPort">
        <operation name="add"><input message="tns:addRequest"/><output message="tns:addResponse"/></operation>
        <operation name="order"><input message="tns:orderRequest"/><output message="tns:orderResponse"/></operation>
      </portType>
      <binding name="ShopBinding" type="tns:ShopPort">
        <soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
        <operation name="add"><soap:operation soapAction="urn:shop#add"/>
          <input><soap:body use="literal" namespace="urn:shop"/></input>
          <output><soap:body use="literal" namespace="urn:shop"/></output></operation>
        <operation name="order"><soap:operation soapAction="urn:shop#order"/>
          <input><soap:body use="literal" namespace="urn:shop"/></input>
          <output><soap:body use="literal" namespace="urn:shop"/></output></operation>
      </binding>
      <service name="Shop"><port name="ShopPort" binding="tns:ShopBinding"><soap:address location="http://127.0.0.1/"/></port></service>
    </definitions>
    XML
);
$options = ['cache_wsdl' => WSDL_CACHE_NONE, 'trace' => true];
$server = new SoapServer("$folder/shop.wsdl", $options);
$server->setClass(Shop::class);
$client = new LocalClient("$folder/shop.wsdl", $options);
$client->server = $server;

same(5, $client->add(2, 3), 'a call');
check(strpos($client->__getLastRequest(), 'urn:shop') !== false, 'the request');
$answer = $client->order(['name' => 'café', 'count' => 3]);
same(['name' => '3 × café', 'count' => 6], (array) $answer, 'a structure there and back');
check(in_array('int add(int $a, int $b)', $client->__getFunctions(), true), 'the functions of the WSDL');
echo "ok\n";

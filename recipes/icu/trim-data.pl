# trim-data.pl PATTERNS IN.dat OUT.dat: copies ICU's data package without the items that the patterns name.
#
# ICU's own icupkg does the same, to the byte, but would first have to be compiled for the machine that compiles, with most of ICU below it.
# The format (source/common/ucmndata.h): a header with its size in the first two bytes, the number of items, for each item the
# offsets of its name and its data, the names, the data. Offsets count from the end of the header; all data is aligned to 16 bytes.
use strict;
use warnings;

my ($patterns, $in, $out) = @ARGV;

my @rules;
open my $list, '<', $patterns or die "$patterns: $!\n";
while (my $line = <$list>) {
  chomp $line;
  next if $line eq '' || $line =~ /^#/;
  my $keep = $line =~ s/^!//;
  my $glob = quotemeta $line;
  $glob =~ s/\\\*/[^\/]*/g;
  $glob =~ s/\\\[/[/g;
  $glob =~ s/\\\]/]/g;
  $glob =~ s/\\-(?=\d\])/-/g;
  push @rules, { keep => $keep, expression => qr/^$glob$/, line => $line, used => 0 };
}

open my $file, '<:raw', $in or die "$in: $!\n";
my $data = do { local $/; <$file> };
my $header = unpack 'v', $data;
die "$in is not a package of ICU data\n" unless substr($data, 12, 4) eq 'CmnD';
my $body = substr $data, $header;
my $count = unpack 'V', $body;
my @offsets = unpack 'V' . 2 * $count, substr($body, 4);

my (@items, $removed);
for my $index (0 .. $count - 1) {
  my ($name_at, $start) = @offsets[2 * $index, 2 * $index + 1];
  my $end = $index + 1 < $count ? $offsets[2 * $index + 3] : length $body;
  my $name = unpack 'Z*', substr($body, $name_at);
  my $keep = 1;
  for my $rule (@rules) {
    next unless $name =~ /^[^\/]+\/(.*)/ && $1 =~ $rule->{expression};
    $keep = $rule->{keep};
    $rule->{used} = 1;
  }
  if ($keep) {
    push @items, { name => $name, data => substr($body, $start, $end - $start) };
  } else {
    $removed++;
  }
}
for my $rule (@rules) {
  print "$in has nothing like $rule->{line}\n" unless $rule->{used};
}

my $names_at = 4 + 8 * @items;
my $names = join '', map { "$_->{name}\0" } @items;
my $data_at = $names_at + length $names;
my $padding = -($header + $data_at) % 16;
$data_at += $padding;
my $table = pack 'V', scalar @items;
my $content = '';
for my $item (@items) {
  $table .= pack 'VV', $names_at, $data_at + length $content;
  $names_at += 1 + length $item->{name};
  $content .= $item->{data};
  $content .= "\xaa" x (-length($content) % 16);
}
open my $result, '>:raw', $out or die "$out: $!\n";
print {$result} substr($data, 0, $header), $table, $names, "\xaa" x $padding, $content;
close $result or die "$out: $!\n";
printf "%s: %d items, without %d\n", $out, scalar @items, $removed;

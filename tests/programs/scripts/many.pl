# fork, pipes, signals, sockets, sorting and text: what perl asks of a system.
use strict;
use warnings;
use File::Find;
use File::Temp qw(tempdir);
use IO::Select;
use Socket;

my @children;
pipe(my $reader, my $writer) or die $!;
for my $number (1 .. 4) {
    my $pid = fork() // die $!;
    if (!$pid) { syswrite $writer, "$number\n"; exit $number }
    push @children, $pid;
}
close $writer;
print join(",", sort map { chomp; $_ } <$reader>), "\n";
print join(",", map { waitpid $_, 0; $? >> 8 } @children), "\n";

$SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 10; };
print $@;

socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!;
syswrite $theirs, "through a socket\n";
print IO::Select->new($ours)->can_read(5) ? scalar <$ours> : "nothing\n";

my $folder = tempdir(CLEANUP => 1);
for (qw(c a b)) { open my $file, '>', "$folder/$_.txt" or die $!; print $file "$_\n" x 3 }
my @found;
find(sub { push @found, $_ if /\.txt$/ }, $folder);
print join(" ", sort @found), " ", `cat $folder/*.txt | sort -u | wc -l`;
my %count;
$count{lc $1}++ while "The cat and the dog and the bird" =~ /(\w+)/g;
print join(" ", map { "$_=$count{$_}" } sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count), "\n";

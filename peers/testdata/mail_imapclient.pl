# Perl's Mail::IMAPClient, which imapsync is built on: its interface with results checked, then the
# migration of an account from one server to another.
# Arguments: user, password, then for both servers: port for STARTTLS, port for TLS, certificate.
use strict;
use warnings;
use utf8;
use Test::More;
use Mail::IMAPClient;
use File::Temp;
use IO::Socket::SSL;

my ($user, $password, @servers) = @ARGV;
my ($from, $to) = map { { port => $servers[$_], tls => $servers[$_ + 1], cert => $servers[$_ + 2] } } 0, 3;

sub connected {
    my ($server, %more) = @_;
    my $c = Mail::IMAPClient->new(
        Server => 'localhost', User => $user, Password => $password, Uid => 1, Peek => 1,
        ($more{Starttls} ? (Port => $server->{port}) : (Port => $server->{tls}, Ssl => [ SSL_ca_file => $server->{cert} ])), Debug => $ENV{TRACE}, %more,
    );
    die "no connection: $@" if !$c;
    return $c;
}

my $text = join "\r\n", 'From: Bob <bob@example.org>', 'To: ann@example.org, carl@example.org', 'Cc: dora@example.org',
    'Subject: one', 'Date: Mon, 23 Nov 2026 10:00:00 +0000', 'Message-ID: <one@example.org>', 'X-Long: first', ' second',
    '', 'Hello', 'From Perl', '', '';
my $mime = join "\r\n", 'From: "O\'Neill, \"Bob\"" <bob@example.org>', 'Subject: two {3}', 'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: text/plain', '', 'part (one)',
    '--b', 'Content-Type: message/rfc822', '', 'Subject: inner', 'From: inner@example.org', '', 'inside',
    '--b', 'Content-Type: application/octet-stream; name="a \"b\" \\\\ c"', 'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename=x.bin', '', 'AAECAw==', '--b--', '';

# STARTTLS, a wrong password, each mechanism.
is(Mail::IMAPClient->new(Server => 'localhost', Port => $from->{tls}, User => $user, Password => 'wrong', Ssl => [ SSL_ca_file => $from->{cert} ]), undef, 'a wrong password');
my $c = connected($from, Starttls => [ SSL_ca_file => $from->{cert} ]);
ok($c->IsAuthenticated, 'STARTTLS and LOGIN');
ok($c->logout, 'LOGOUT');
for my $mech (qw(PLAIN LOGIN)) {
    my $c = connected($from, Authmechanism => $mech);
    ok($c && $c->IsAuthenticated, "AUTHENTICATE $mech");
    $c->logout;
}

$c = connected($from);
ok($c->has_capability('UIDPLUS') && $c->has_capability('IMAP4rev1') && $c->imap4rev1, 'CAPABILITY');
is($c->separator, '/', 'separator');
is_deeply([ $c->namespace ], [ [ [ '', '/' ] ] ], 'NAMESPACE');
ok($c->noop, 'NOOP');

# Mailboxes. The library leaves names as they are: modified UTF-7.
my @boxes = ('perl', 'perl/two words', 'perl/Gr&APwA3w-e', 'perl/"quoted" \\ back', 'perl/(x)', 'perl/100 &- more', 'perl/{5}');
ok($c->create($_), "CREATE $_") || diag $c->LastError for @boxes;
ok(!$c->create('perl'), 'CREATE twice');
like($c->LastError, qr/ALREADYEXISTS/, 'with its code');
is_deeply([ grep { /^perl/ } sort $c->folders ], [ sort @boxes ], 'LIST');
ok($c->exists($_), "$_ exists") for @boxes;
ok(!$c->exists('perl/nowhere'), 'another does not');
ok($c->is_parent('perl'), 'has children');
ok(!$c->is_parent('perl/(x)'), 'has no children');
ok($c->selectable('perl'), 'can be selected');
ok($c->subscribe('perl/two words'), 'SUBSCRIBE');
is_deeply([ grep { /^perl/ } $c->subscribed ], ['perl/two words'], 'LSUB');
ok($c->unsubscribe('perl/two words'), 'UNSUBSCRIBE');
ok($c->rename('perl/(x)', 'perl/y'), 'RENAME');
ok($c->delete('perl/y'), 'DELETE');
ok(!$c->delete('perl/y'), 'DELETE twice');

# APPEND.
my $when = '29-Feb-2024 23:59:58 +0100';
is($c->append_string('perl', $text, '(\Seen $Work)', $when), 1, 'APPEND with flags and date') or diag $c->LastError;
is($c->append_string('perl', $mime), 2, 'APPEND');
is($c->append('perl', $text =~ s/one/three/gr), 3, 'APPEND again');
my $file = File::Temp->new;
print $file $text =~ s/one/four/gr =~ s/\r//gr;
close $file;
is($c->append_file('perl', $file->filename, undef, '\Draft'), 4, 'APPEND of a file');
is($c->message_count('perl'), 4, 'STATUS MESSAGES');
is($c->unseen_count('perl'), 3, 'STATUS UNSEEN');
is($c->uidnext('perl'), 5, 'STATUS UIDNEXT');
ok(!$c->append_string('perl/nowhere', $text), 'APPEND to nowhere');
like($c->LastError, qr/TRYCREATE/, 'with its code');

# FETCH.
ok($c->select('perl'), 'SELECT');
is_deeply(scalar $c->messages, [ 1, 2, 3, 4 ], 'messages');
is($c->message_string(1), $text, 'message_string');
is($c->message_string(2), $mime, 'message_string of another');
is($c->body_string(1), "Hello\r\nFrom Perl\r\n\r\n", 'body_string');
is($c->bodypart_string(2, '1'), 'part (one)', 'bodypart_string');
is($c->bodypart_string(2, '2.TEXT'), 'inside', 'bodypart_string of a message in a message');
is($c->bodypart_string(2, '3', 4, 2), 'ECAw', 'a part of it');
is($c->size(2), length $mime, 'size');
is($c->subject(2), 'two {3}', 'subject');
is($c->get_header(1, 'X-Long'), 'first second', 'a folded header');
is($c->internaldate(1), $when, 'internaldate') or diag $c->internaldate(1);
my $headers = $c->parse_headers([ 1 .. 4 ], 'Subject', 'Cc', 'Nothing');
is_deeply([ map { $headers->{$_}{Subject}[0] } 1 .. 4 ], [ 'one', 'two {3}', 'three', 'four' ], 'parse_headers');
is(keys %{ $c->parse_headers(1, 'ALL') }, 7, 'all headers');
my $e = $c->get_envelope(2);
is($e->subject, 'two {3}', 'ENVELOPE subject');
is($e->from_addresses, q{O'Neill, \\"Bob\\" <bob@example.org>}, 'ENVELOPE from');
$e = $c->get_envelope(1);
is_deeply([ $e->to_addresses ], [ '<ann@example.org>', '<carl@example.org>' ], 'ENVELOPE to') or diag explain [ $e->to_addresses ];
my $s = $c->get_bodystructure(2);
is($s->bodytype, 'MULTIPART', 'BODYSTRUCTURE');
is_deeply([ $s->parts ], [qw(1 2 2.HEAD 2.1 3)], 'its parts') or diag explain [ $s->parts ];
is(lc(($s->bodystructure)[3]->bodyenc), 'base64', 'encoding of an attachment');
my $hash = $c->fetch_hash([ 1, 2 ], 'RFC822.SIZE', 'FLAGS', 'INTERNALDATE', 'ENVELOPE', 'BODY.PEEK[HEADER.FIELDS (SUBJECT)]');
is($hash->{1}{'RFC822.SIZE'}, length $text, 'fetch_hash') or diag explain $hash;
is($hash->{2}{'BODY[HEADER.FIELDS (SUBJECT)]'} // '', "Subject: two {3}\r\n\r\n", 'fetch_hash of a header') or diag explain $hash->{2};
like($hash->{1}{FLAGS}, qr/\\Seen/, 'fetch_hash of flags');

# SEARCH.
sub search { my ($want, @keys) = @_; is_deeply([ @{ $c->search(@keys) || [] } ], $want, "SEARCH @keys") or diag $c->LastError }
search([ 1 .. 4 ], 'ALL');
search([1], 'SUBJECT', 'one');
search([2], 'HEADER', 'Subject', '{3}');
search([ 1, 3, 4 ], 'TEXT', 'From Perl', 'NOT', 'SUBJECT', 'two');
search([ 1, 4 ], 'OR', 'KEYWORD', \'$Work', \'DRAFT');
search([2], 'FROM', q{O'Neill, "Bob"});
search([1], 'BEFORE', \'1-Mar-2024');
is_deeply(scalar $c->seen, [1], 'seen');
is_deeply(scalar $c->unseen, [ 2, 3, 4 ], 'unseen');
is_deeply(scalar $c->senton('23-Nov-2026'), [ 1 .. 4 ], 'senton');
is_deeply(scalar $c->since('01-Mar-2024'), [ 2, 3, 4 ], 'since');

# STORE, COPY, MOVE, EXPUNGE.
ok($c->see(2, 3), 'see');
is_deeply(scalar $c->unseen, [4], 'seen now');
ok($c->deny_seeing(3), 'deny_seeing');
ok($c->mark(2), 'mark');
ok($c->set_flag('$Mine', 2, 3), 'set_flag');
my $flags = $c->flags([ 2, 3 ]);
is_deeply([ grep { !/Recent/ } sort @{ $flags->{2} } ], [ '$Mine', '\Flagged', '\Seen' ], 'flags') or diag explain $flags;
ok($c->unset_flag('$Mine', 2), 'unset_flag');
ok($c->unmark(2), 'unmark');
ok($c->store(2, '+FLAGS', '(\Answered)'), 'STORE');
is_deeply([ grep { !/Recent/ } sort @{ $c->flags(2) } ], [ '\Answered', '\Seen' ], 'flags again');
is($c->copy('perl/two words', 1, 2), '1,2', 'COPY') or diag $c->LastError;
is($c->move('perl/Gr&APwA3w-e', 4), '1', 'move, by MOVE or with \Deleted') or diag $c->LastError;
ok($c->delete_message(1), 'delete_message');
ok($c->restore_message(1), 'restore_message');
ok($c->delete_message(1, 3), 'delete_message');
ok($c->uidexpunge(3), 'UID EXPUNGE');
is_deeply([ grep { $_ != 4 } @{ $c->messages } ], [ 1, 2 ], 'what is left');
ok($c->expunge, 'EXPUNGE');
is_deeply(scalar $c->messages, [2], 'what is left then');
ok($c->examine('perl'), 'EXAMINE');
ok(!$c->see(2), 'nothing can be changed');
like($c->LastError, qr/READ-ONLY|NO|BAD/, 'with a reason') or diag $c->LastError;

# IDLE.
ok($c->select('perl'), 'SELECT again');
my $other = connected($from);
my $tag = $c->idle or die $c->LastError;
is($other->append_string('perl', $text, '\Seen'), 5, 'another client appends');
my ($told, $wait) = ('', 10);
$told .= join '', @{ $c->idle_data(1) || [] } while $told !~ /EXISTS/ && $wait-- > 0;
like($told, qr/^\* 2 EXISTS/m, 'IDLE');
ok($c->done($tag), 'DONE');
is($c->message_count, 2, 'the new message counts');
$other->logout;
ok($c->close, 'CLOSE');

# Migration, mailbox by mailbox: flags, dates and octets arrive.
my $big = "Subject: big\r\n\r\n" . ("x" x 76 . "\r\n") x 20_000; # over 1 MB: the library copies in pieces
ok($c->append_string('perl', $big, '\Flagged $Big', $when), 'a big message');
$c->append_string('perl', $text =~ s/one/many $_/gr, $_ % 2 ? '\Seen' : '') for 1 .. 100;
my $peer = connected($to);
for my $box (grep { /^perl/ } $c->folders) {
    ok($peer->create($box), "CREATE $box there");
    ok($c->select($box), "SELECT $box here");
    my $count = $c->message_count;
    ok(!$count || $c->migrate($peer, 'ALL', $box), "migrate $box") or diag $c->LastError, $peer->LastError;
    $peer->select($box);
    my ($here, $there) = map { $_->messages || [] } $c, $peer;
    is(@$here, $count, "all are seen in $box");
    is(@$there, $count, "as many are there");
    my ($differ, $flags, $theirs) = (0, map { $_->flags(scalar $_->messages) || {} } $c, $peer);
    for my $i (0 .. $#$here) {
        my ($h, $t) = ($here->[$i], $there->[$i]);
        $differ++ if $c->message_string($h) ne $peer->message_string($t);
        $differ++ if $c->internaldate($h) ne $peer->internaldate($t);
        $differ++ if join(' ', sort grep { !/Recent/ } @{ $flags->{$h} }) ne join(' ', sort grep { !/Recent/ } @{ $theirs->{$t} });
    }
    is($differ, 0, "nothing differs in $box");
}
ok($_->logout, 'LOGOUT') for $peer, $c;
done_testing;

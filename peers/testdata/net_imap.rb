# Ruby's Net::IMAP, a client with a strict parser: its commands with results checked.
# Arguments: port for STARTTLS, port for TLS, the server's certificate, user, password.
require 'net/imap'
require 'time'

$port, $tls_port, $cert, $user, $password = ARGV
$checks = 0

def same(want, got, what = '')
  $checks += 1
  raise "#{what}: #{got.inspect}, not #{want.inspect}" unless want == got
end

def refused(error, code)
  yield
  raise 'was not refused'
rescue error => e
  same code, e.response.data.code&.name, e.message
end

def connected
  imap = Net::IMAP.new('localhost', port: $tls_port.to_i, ssl: { ca_file: $cert })
  imap.login($user, $password)
  imap
end

# What the server said without being asked, in the versions before 0.4 and since.
def told(imap, name) = imap.method(:responses).arity.zero? ? imap.responses[name] : imap.responses(name)

def flags(list) = list.reject { |f| f == :Recent }.map(&:to_s).sort

TEXT = "From: Bob <bob@example.org>\r\nTo: undisclosed-recipients:;\r\nCc: Ann <ann@example.org>\r\nSubject: ruby\r\n" \
       "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <ruby@example.org>\r\n\r\nHello from Ruby\r\n"
MIXED = "From: \"a \\\"b\\\" c\" <bob@example.org>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n" \
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Language: de, en\r\n\r\n--b\r\n\r\nno header\r\n--b\r\n" \
        "Content-Type: message/rfc822\r\nContent-Description: \"quoted\"\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" \
        "--c\r\nContent-Type: image/png\r\nContent-ID: <i@example.org>\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nContent-Location: http://example.org/\r\n" \
        "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--c--\r\n--b\r\nContent-Type: multipart/mixed; boundary=empty\r\n\r\n--empty--\r\n" \
        "--b\r\nContent-Type: text\r\n\r\nbad type\r\n--b--\r\n"

# STARTTLS; mechanisms; a wrong password.
imap = Net::IMAP.new('localhost', port: $port.to_i)
same true, imap.capability.include?('STARTTLS')
imap.starttls({ ca_file: $cert }, true)
refused(Net::IMAP::NoResponseError, 'AUTHENTICATIONFAILED') { imap.login($user, 'not ' + $password) }
imap.authenticate('PLAIN', $user, $password)
imap.logout
imap.disconnect

imap = connected
same 'OK', imap.noop.name
same [['', '/']], imap.namespace.personal.map { |n| [n.prefix, n.delim] }
same 'Restante', imap.id('name' => 'ruby')['name']

# Mailboxes.
%w[ruby ruby/two\ words ruby/{3} ruby/NIL].each { |name| imap.create(name) }
utf7 = Net::IMAP.encode_utf7('ruby/Grüße & 日本語')
imap.create(utf7)
refused(Net::IMAP::NoResponseError, 'ALREADYEXISTS') { imap.create('ruby') }
refused(Net::IMAP::NoResponseError, 'NONEXISTENT') { imap.delete('ruby/nowhere') }
listed = imap.list('', 'ruby*')
same ['ruby', 'ruby/NIL', 'ruby/two words', utf7, 'ruby/{3}'].sort, listed.map(&:name).sort
same ['/'], listed.map(&:delim).uniq
same true, listed.find { |l| l.name == 'ruby' }.attr.include?(:Haschildren)
imap.subscribe('ruby/two words')
same ['ruby/two words'], imap.lsub('', 'ruby*').map(&:name)
imap.unsubscribe('ruby/two words')
same nil, imap.lsub('', 'ruby*')&.first
imap.rename('ruby/NIL', 'ruby/"q" \\')
same ['ruby/"q" \\'], imap.list('ruby/', '"q*').map(&:name)
imap.delete('ruby/"q" \\')

# APPEND.
date = Time.utc(2024, 2, 29, 23, 59, 58)
res = imap.append('ruby', TEXT, [:Seen, '$Work'], date)
same ['APPENDUID', '1'], [res.data.code.name, res.data.code.data.respond_to?(:assigned_uids) ? res.data.code.data.assigned_uids.to_s : res.data.code.data.split.last]
imap.append('ruby', MIXED)
2.times { imap.append('ruby', TEXT.sub('ruby', 'again'), [:Draft]) }
refused(Net::IMAP::NoResponseError, 'TRYCREATE') { imap.append('ruby/nowhere', TEXT) }
same({ 'MESSAGES' => 4, 'UNSEEN' => 3, 'UIDNEXT' => 5 }, imap.status('ruby', %w[MESSAGES UNSEEN UIDNEXT]))

# SELECT, FETCH.
imap.select('ruby')
same [4], told(imap, 'EXISTS')
same 1, told(imap, 'UIDVALIDITY').size
all = imap.fetch(1..-1, %w[UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER.FIELDS\ (SUBJECT)] BODY.PEEK[TEXT]<2.4>])
same [1, 2, 3, 4], all.map(&:seqno)
one, two = all
same ['$Work', 'Seen'], flags(one.attr['FLAGS'])
same TEXT, one.attr['BODY[]']
same MIXED, two.attr['BODY[]']
same MIXED.bytesize, two.attr['RFC822.SIZE']
same date, Time.parse(one.attr['INTERNALDATE'])
same 'llo ', one.attr['BODY[TEXT]<2>']
same "Subject: ruby\r\n\r\n", one.attr.find { |k, _| k.start_with?('BODY[HEADER.FIELDS') }.last
e = one.attr['ENVELOPE']
same ['ruby', '<ruby@example.org>', 'bob', 'example.org', 'Ann'], [e.subject, e.message_id, e.from[0].mailbox, e.from[0].host, e.cc[0].name]
same [[nil, 'undisclosed-recipients', nil], [nil, nil, nil]], e.to.map { |a| [a.name, a.mailbox, a.host] }
same 'a "b" c', two.attr['ENVELOPE'].from[0].name
b = two.attr['BODYSTRUCTURE']
same [%w[TEXT PLAIN], %w[MESSAGE RFC822], %w[MULTIPART MIXED], %w[TEXT PLAIN]], b.parts.map { |p| [p.media_type, p.subtype] }
same %w[DE EN], Array(b.language).map(&:upcase)
inner = b.parts[1]
same ['quoted', 'inner'], [inner.description.delete('"'), inner.envelope.subject]
png = inner.body.parts[0]
same ['IMAGE', 'PNG', '<i@example.org>', 'Q2hlY2sgSW50ZWdyaXR5IQ=='], [png.media_type, png.subtype, png.content_id, png.md5]
same 'BASE64', png.encoding.upcase
same "AAEC", imap.uid_fetch(2, 'BODY.PEEK[2.1]')[0].attr['BODY[2.1]']
same "Content-Type: image/png\r\n", imap.uid_fetch(2, 'BODY.PEEK[2.1.MIME]')[0].attr['BODY[2.1.MIME]'].lines[0]

# SEARCH.
{ 'ALL' => [1, 2, 3, 4], 'UNSEEN' => [2, 3, 4], ['SUBJECT', 'again', 'DRAFT'] => [3, 4], ['OR', 'SEEN', 'FROM', 'a "b'] => [1, 2],
  %w[NOT KEYWORD $Work] => [2, 3, 4], ['BEFORE', Net::IMAP.format_date(Date.new(2024, 3, 1))] => [1], [2..3] => [2, 3],
  ['BODY', 'nothing'] => [], ['TEXT', "inner"] => [2] }.each { |keys, want| same want, imap.search(keys).to_a, keys.inspect }
same [2], imap.sort(%w[REVERSE SIZE], %w[TEXT inner], 'UTF-8').to_a
same [2], imap.thread('REFERENCES', %w[TEXT inner], 'UTF-8').map(&:seqno)
same [2], imap.uid_search(%w[SUBJECT] + ['grüße'.b], 'UTF-8').to_a

# STORE, COPY, MOVE, EXPUNGE.
same [%w[Answered Draft mine]], imap.store(3, '+FLAGS', [:Answered, 'mine']).map { |f| flags(f.attr['FLAGS']) }
same [%w[Answered mine]], imap.uid_store(3, '-FLAGS', [:Draft]).map { |f| flags(f.attr['FLAGS']) }
same nil, imap.store(3, 'FLAGS.SILENT', [:Flagged])&.first
same ['COPYUID'], [imap.uid_copy([1, 3], 'ruby/two words').data.code.name]
refused(Net::IMAP::NoResponseError, 'TRYCREATE') { imap.copy(1, 'ruby/nowhere') }
before = told(imap, 'EXPUNGE').size
imap.uid_move(4, utf7)
same [4], told(imap, 'EXPUNGE')[before..]
imap.store(1..2, '+FLAGS', [:Deleted])
if imap.respond_to?(:uid_expunge)
  imap.uid_expunge(2)
else
  imap.store(1, '-FLAGS', [:Deleted])
  same 2, imap.expunge.last
end
same [1, 3], imap.uid_search('ALL').to_a
imap.store(1, '-FLAGS', [:Deleted])
same 'OK', imap.check.name

# IDLE.
other = connected
exists = nil
waited = Thread.new do
  imap.idle(20) do |r|
    if r.is_a?(Net::IMAP::UntaggedResponse) && r.name == 'EXISTS'
      exists = r.data
      imap.idle_done
    end
  end
end
sleep 0.3
other.append('ruby', TEXT)
waited.join
same 3, exists
other.logout
other.disconnect

# EXAMINE, CLOSE, UNSELECT.
imap.close
imap.examine('ruby')
begin
  imap.store(1, '+FLAGS', [:Seen])
  raise 'EXAMINE lets STORE through'
rescue Net::IMAP::NoResponseError, Net::IMAP::BadResponseError
  $checks += 1
end
imap.respond_to?(:unselect) ? imap.unselect : imap.close
same 'OK', imap.logout.name
imap.disconnect
puts "#{$checks} checks of Net::IMAP #{Net::IMAP::VERSION} passed"

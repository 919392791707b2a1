# Every method of Python's imaplib that the base protocol serves, with its result checked.
# Arguments: host, port for STARTTLS, port for TLS, the server's certificate, user, password.
import imaplib
import ssl
import sys
import time

host, port, tls_port, cafile, user, password = sys.argv[1:7]
port, tls_port = int(port), int(tls_port)
context = ssl.create_default_context(cafile=cafile)

count = 0


def ok(result, expect=None):
    """The call answered OK, and with expect the data contain it."""
    global count
    count += 1
    typ, data = result
    assert typ == 'OK', result
    if expect is not None:
        flat = []
        for item in data:
            flat.extend(item if isinstance(item, tuple) else [item])
        assert any(expect in (x or b'') for x in flat), (expect, data)
    return data


def refused(error, call, *args):
    """The call is answered with NO or BAD."""
    global count
    count += 1
    try:
        typ, data = call(*args)
    except error:
        return
    assert typ == 'NO', (call, args, typ, data)


message = (b'From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: from imaplib\r\n'
           b'Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <imaplib@example.org>\r\n\r\nHello from Python.\r\n')

# Not authenticated: greeting, CAPABILITY, NOOP, STARTTLS, a wrong password.
M = imaplib.IMAP4(host, port)
assert b'OK' in M.welcome
assert 'IMAP4REV1' in M.capabilities and 'STARTTLS' in M.capabilities
ok(M.capability(), b'IMAP4rev1')
ok(M.noop())
ok(M.starttls(context))
refused(M.error, M.login, user, 'not ' + password)
assert M.state == 'NONAUTH'
ok(M.login(user, password))
assert M.logout()[0] == 'BYE'

# AUTHENTICATE with a callback, and one that gives up.
M = imaplib.IMAP4_SSL(host, tls_port, ssl_context=context)
try:
    M.authenticate('PLAIN', lambda challenge: None)
    raise AssertionError('an aborted authentication succeeded')
except M.error:
    count += 1
ok(M.authenticate('PLAIN', lambda challenge: b'\0' + user.encode() + b'\0' + password.encode()))
assert M.state == 'AUTH'

# Mailboxes.
ok(M.namespace(), b'(("" "/")) NIL NIL')
ok(M.create('py'))
refused(M.error, M.create, 'py')
ok(M.create('py/sub'))
ok(M.list(), b'INBOX')
ok(M.list('""', 'py/%'), b'py/sub')
ok(M.subscribe('py'))
ok(M.lsub(), b'py')
ok(M.unsubscribe('py'))
assert M.lsub('""', 'py')[1] == [None]
ok(M.rename('py/sub', 'py/renamed'))
ok(M.delete('py/renamed'))
refused(M.error, M.delete, 'py/renamed')
refused(M.error, M.select, 'py/renamed')

# Messages.
when = imaplib.Time2Internaldate(1795428000)
for flags in (None, r'(\Seen)', r'(\Flagged $Work)'):
    ok(M.append('py', flags, when, message), b'APPENDUID')
ok(M.status('py', '(MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)'), b'MESSAGES 3')
refused(M.error, M.append, 'nowhere', None, when, message)
assert ok(M.select('py')) == [b'3']
assert M.untagged_responses['EXISTS'] == [b'3'] and not M.is_readonly
assert M.response('UIDVALIDITY')[1][0].isdigit()
assert ok(M.recent()) == [b'3']
assert ok(M.search(None, 'ALL')) == [b'1 2 3']
assert ok(M.search(None, 'UNSEEN', 'SUBJECT', '"imaplib"')) == [b'1 3']
assert ok(M.search('UTF-8', 'KEYWORD', '$Work')) == [b'3']
assert ok(M.search(None, 'FROM', '"nobody"')) == [b'']
assert ok(M.sort('(REVERSE SIZE SUBJECT)', 'UTF-8', 'KEYWORD', '$Work')) == [b'3']
assert sorted(ok(M.sort('(DATE)', 'UTF-8', 'ALL'))[0].split()) == [b'1', b'2', b'3']
assert ok(M.thread('REFERENCES', 'UTF-8', 'KEYWORD', '$Work')) == [b'(3)']
assert ok(M.uid('THREAD', 'REFS', 'UTF-8', 'FROM', '"nobody"')) in ([None], [b''])
assert ok(M.fetch('1', '(RFC822)'))[0][1] == message
ok(M.fetch('1', '(FLAGS)'), b'\\Seen')
ok(M.fetch('1:3', '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)'), b'"from imaplib"')
assert len(ok(M.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])'))) == 6
when = imaplib.Internaldate2tuple(ok(M.fetch('1', '(INTERNALDATE)'))[0])
assert time.mktime(when) == 1795428000, when
assert imaplib.ParseFlags(ok(M.fetch('3', '(FLAGS)'))[0]).count(b'$Work') == 1
refused(M.error, M.fetch, '9', '(FLAGS)')
ok(M.store('1', '+FLAGS', r'(\Answered)'), b'\\Answered')
ok(M.store('1', '-FLAGS.SILENT', r'(\Answered)'))
ok(M.store('2', 'FLAGS', r'(\Deleted)'), b'\\Deleted')
ok(M.copy('1', 'INBOX'), b'COPYUID')
refused(M.error, M.copy, '1', 'nowhere')
assert ok(M.expunge()) == [b'2']
ok(M.check())
uids = ok(M.uid('SEARCH', None, 'ALL'))[0].split()
assert len(uids) == 2
ok(M.uid('FETCH', uids[0], '(FLAGS)'), b'UID ' + uids[0])
ok(M.uid('STORE', uids[0], '+FLAGS', r'(\Flagged)'), b'\\Flagged')
ok(M.uid('COPY', uids[0], 'INBOX'))
ok(M.create('py/moved'))
ok(M._simple_command('UID', 'MOVE', uids[1].decode(), 'py/moved'))
ok(M.close())
assert M.state == 'AUTH'

# EXAMINE changes nothing.
assert ok(M.select('py', readonly=True)) == [b'1']
refused(M.error, M.store, '1', '+FLAGS', r'(\Deleted)')
ok(M.fetch('1', '(RFC822)'))
ok(M.unselect())

# xatom, ENABLE, IDs, names beyond ASCII.
imaplib.Commands.setdefault('ID', ('NONAUTH', 'AUTH', 'SELECTED'))
ok(M.xatom('ID', 'NIL'))
ok(M.enable('IMAP4rev2'))
ok(M.create('"Entw&APw-rfe"')) # IMAP4rev2: "&APw-" means itself
ok(M.delete('"Entw&APw-rfe"'))
for name in ('py/moved', 'py'):
    ok(M.delete(name))

with imaplib.IMAP4_SSL(host, tls_port, ssl_context=context) as N:
    ok(N.login(user, password))
    ok(N.select())
typ, data = M.logout()
assert typ == 'BYE', (typ, data)
print('%d calls of imaplib answered as they should be' % count)

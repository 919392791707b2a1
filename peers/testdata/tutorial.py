# The tutorial: what people write first against an IMAP server. Only host, port and an SSL context
# that trusts the server's own certificate are not as everybody writes them.
import imaplib
import ssl
import sys

host, port, cafile = sys.argv[1], int(sys.argv[2]), sys.argv[3]
user, password = sys.argv[4], sys.argv[5]

M = imaplib.IMAP4_SSL(host, port, ssl_context=ssl.create_default_context(cafile=cafile))
M.login(user, password)
M.select('Inbox')
typ, data = M.search(None, 'ALL')
for num in data[0].split():
    typ, data = M.fetch(num, '(RFC822)')
    print('Message %s\n%s\n' % (num, data[0][1]))
M.close()
M.logout()

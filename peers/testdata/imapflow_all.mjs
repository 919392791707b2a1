// The whole interface of the Node client imapflow, with its results checked.
// Arguments: port for STARTTLS, port for TLS, the server's certificate, user, password.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

// From where the test installed it.
const { ImapFlow } = createRequire(process.cwd() + '/')('imapflow');

const [port, tlsPort, cert, user, pass] = process.argv.slice(2);
const trace = process.env.TRACE ? { debug: l => l.src && console.error(l.src, l.msg), info() {}, warn: console.error, error: console.error } : false;
const open = async (secure, more) => {
    const client = new ImapFlow({
        host: 'localhost', port: Number(secure ? tlsPort : port), secure,
        auth: { user, pass }, tls: { ca: readFileSync(cert) }, logger: trace, ...more,
    });
    client.on('error', err => { throw err; });
    await client.connect();
    return client;
};

// A promise of the next event, so that the change can be made after the listener is there.
const next = async (client, name, change) => {
    const event = once(client, name, { signal: AbortSignal.timeout(20_000) });
    await change();
    return (await event)[0];
};

const text = subject => 'From: Bob Büilder <bob@example.org>\r\nTo: ann@example.org\r\nSubject: ' + subject + '\r\n' +
    'Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <' + subject + '@example.org>\r\nX-Serial: 42\r\n\r\nHello ' + subject + '\r\n';
const pdf = Buffer.from(Array.from({ length: 5000 }, (_, i) => i * 7 % 256));
const mixed = 'From: "Büro, das" <buero@example.org>\r\nTo: Ann <ann@example.org>, Carl <carl@example.org>\r\nCc: dora@example.org\r\n' +
    'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= mixed\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <mixed@example.org>\r\n' +
    'In-Reply-To: <one@example.org>\r\nReferences: <zero@example.org>\r\n <one@example.org>\r\n' +
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x y"\r\n\r\npreamble\r\n--x y\r\n' +
    'Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain; charset=iso-8859-1\r\n' +
    'Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe aus K=F6ln\r\n--in\r\nContent-Type: text/html; charset=utf-8\r\n' +
    'Content-Transfer-Encoding: base64\r\n\r\n' + Buffer.from('<p>Grüße</p>').toString('base64') + '\r\n--in--\r\n--x y\r\n' +
    "Content-Type: application/pdf; name*=utf-8''B%C3%BCcher.pdf\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''B%C3%BC;\r\n filename*1=cher.pdf\r\n" +
    'Content-Transfer-Encoding: base64\r\n\r\n' + pdf.toString('base64').replace(/.{76}/g, '$&\r\n') + '\r\n--x y--\r\n';

async function all(secure) {
    // A wrong password is told apart from a broken connection.
    await assert.rejects(open(secure, { auth: { user, pass: 'not ' + pass } }), err => err.authenticationFailed === true);

    const a = await open(secure);
    assert.equal(a.secureConnection, true);
    assert.ok(a.authenticated);
    assert.ok(a.capabilities.has('IMAP4rev2') && a.capabilities.has('UIDPLUS') && a.capabilities.has('MOVE'));
    assert.equal(a.namespace.delimiter, '/');
    assert.equal(a.namespace.prefix, '');
    const quota = await a.getQuota('INBOX');
    if (!a.capabilities.has('QUOTA')) assert.equal(quota, false);
    await a.noop();

    // Mailboxes.
    assert.equal((await a.mailboxCreate('flow')).created, true);
    assert.equal((await a.mailboxCreate('flow')).created, false);
    assert.equal((await a.mailboxCreate(['flow', 'Entwürfe & Ähnliches'])).created, true);
    assert.equal((await a.mailboxCreate(['flow', 'Entwürfe & Ähnliches', '日本語'])).path, 'flow/Entwürfe & Ähnliches/日本語');
    await a.mailboxRename(['flow', 'Entwürfe & Ähnliches'], ['flow', 'Neu "und" \\ gut']);
    await assert.rejects(a.mailboxDelete('flow/nowhere'), err => err.responseStatus === 'NO' && err.serverResponseCode === 'NONEXISTENT');
    await a.mailboxSubscribe('flow');
    const query = { messages: true, unseen: true, uidNext: true, uidValidity: true };
    let list = await a.list({ statusQuery: query });
    const byPath = path => list.find(box => box.path === path);
    assert.equal(byPath('INBOX').specialUse, '\\Inbox');
    assert.equal(byPath('flow').subscribed, true);
    assert.equal(byPath('flow').status.messages, 0);
    assert.equal(byPath('flow/Neu "und" \\ gut/日本語').name, '日本語');
    assert.ok(!byPath('flow/Neu "und" \\ gut').subscribed, 'RENAME took the subscription along');
    await a.mailboxUnsubscribe('flow');
    const tree = await a.listTree();
    assert.ok(tree.folders.find(f => f.path === 'flow').folders[0].folders[0].name === '日本語');
    assert.ok((await a.mailboxDelete('flow/Neu "und" \\ gut/日本語')).path);
    assert.ok((await a.mailboxDelete('flow/Neu "und" \\ gut')).path);
    assert.ok((await a.mailboxCreate('flow/to')).created);

    // APPEND.
    const when = new Date('2024-02-29T23:59:58Z');
    const one = await a.append('flow', text('one'), ['\\Seen', '$Work'], when);
    assert.equal(one.uid, 1);
    assert.equal((await a.append('flow', Buffer.from(mixed), [], when)).uid, 2);
    for (const subject of ['three', 'four', 'five']) await a.append('flow', text(subject));
    assert.equal(await a.append('nowhere', text('x')).catch(err => err.serverResponseCode), 'TRYCREATE');
    const status = await a.status('flow', { ...query, recent: true, highestModseq: true });
    assert.deepEqual([status.messages, status.unseen, status.uidNext], [5, 4, 6]);
    assert.equal(status.uidValidity, one.uidValidity);

    // FETCH.
    let lock = await a.getMailboxLock('flow');
    try {
        assert.equal(a.mailbox.exists, 5);
        assert.equal(a.mailbox.readOnly, false);
        assert.ok(a.mailbox.permanentFlags.has('\\*'));
        const got = [];
        for await (const m of a.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true, headers: ['x-serial', 'references'], bodyParts: ['TEXT', '1.mime'] })) got.push(m);
        assert.deepEqual(got.map(m => m.uid), [1, 2, 3, 4, 5]);
        assert.deepEqual(got.map(m => m.seq), [1, 2, 3, 4, 5]);
        const [m1, m2] = got;
        assert.deepEqual([...m1.flags].filter(f => f !== '\\Recent').sort(), ['$Work', '\\Seen']);
        assert.equal(m1.source.toString(), text('one'));
        assert.equal(m2.source.toString(), mixed);
        assert.equal(m2.size, Buffer.byteLength(mixed));
        assert.equal(m1.internalDate.getTime(), when.getTime());
        assert.match(m1.headers.toString(), /^X-Serial: 42\r\n/);
        assert.match(m2.headers.toString(), /References: <zero@example.org>\r\n <one@example.org>\r\n/);
        assert.equal(m1.bodyParts.get('text').toString(), 'Hello one\r\n');
        assert.match(m2.bodyParts.get('1.mime').toString(), /^Content-Type: multipart\/alternative; boundary=in\r\n/);
        assert.equal(m2.envelope.subject, 'Grüße mixed');
        assert.equal(m2.envelope.messageId, '<mixed@example.org>');
        assert.equal(m2.envelope.inReplyTo, '<one@example.org>');
        assert.deepEqual(m2.envelope.to.map(x => x.address), ['ann@example.org', 'carl@example.org']);
        assert.equal(m2.envelope.from[0].name, 'Büro, das');
        assert.equal(m2.envelope.date.toISOString(), '2026-11-24T09:00:00.000Z');
        const s = m2.bodyStructure;
        assert.equal(s.type, 'multipart/mixed');
        assert.equal(s.childNodes[0].type, 'multipart/alternative');
        assert.deepEqual(s.childNodes[0].childNodes.map(n => [n.part, n.type, n.encoding]), [['1.1', 'text/plain', 'quoted-printable'], ['1.2', 'text/html', 'base64']]);
        assert.equal(s.childNodes[1].disposition, 'attachment');
        assert.equal(s.childNodes[1].dispositionParameters.filename, 'Bücher.pdf');
        assert.equal(s.childNodes[1].parameters.name, 'Bücher.pdf');

        const head = await a.fetchOne('2', { headers: true, source: { start: 3, maxLength: 10 } }, { uid: true });
        assert.equal(head.headers.toString(), mixed.slice(0, mixed.indexOf('\r\n\r\n') + 4));
        assert.equal(head.source.toString(), Buffer.from(mixed).subarray(3, 13).toString());
        assert.equal((await a.fetchOne('*', { uid: true })).uid, 5);
        assert.equal(await a.fetchOne('99', { uid: true }, { uid: true }), false);
        assert.equal((await a.fetchOne('3', { flags: true })).flags.has('\\Seen'), false, 'reading set a flag');

        const download = async (range, part, options) => {
            const { meta, content } = await a.download(range, part, { uid: true, ...options });
            const parts = [];
            for await (const part of content) parts.push(part);
            return [meta, Buffer.concat(parts)];
        };
        let [meta, content] = await download('2');
        assert.equal(content.toString(), mixed);
        [meta, content] = await download('2', '1.1');
        assert.equal(content.toString(), 'Grüße aus Köln');
        [meta, content] = await download('2', '2', { chunkSize: 1000 });
        assert.equal(meta.filename, 'Bücher.pdf');
        assert.ok(content.equals(pdf));
        const many = await a.downloadMany('2', ['1.2', '2'], { uid: true });
        assert.equal(many['1.2'].content.toString(), '<p>Grüße</p>');
        assert.ok(many['2'].content.equals(pdf));

        // SEARCH.
        const search = async (query, want) => assert.deepEqual(await a.search(query, { uid: true }), want, JSON.stringify(query));
        await search({ all: true }, [1, 2, 3, 4, 5]);
        await search({ seen: true }, [1]);
        await search({ seen: false }, [2, 3, 4, 5]);
        await search({ keyword: '$Work' }, [1]);
        await search({ unKeyword: '$Work' }, [2, 3, 4, 5]);
        await search({ from: 'BOB@' }, [1, 3, 4, 5]);
        await search({ from: 'Büro' }, [2]);
        await search({ to: 'carl' }, [2]);
        await search({ cc: 'dora' }, [2]);
        await search({ subject: 'grüße' }, [2]);
        await search({ body: 'Köln' }, [2]);
        await search({ body: 'Hello three' }, [3]);
        await search({ text: 'X-Serial' }, [1, 3, 4, 5]);
        await search({ header: { 'X-Serial': '42' } }, [1, 3, 4, 5]);
        await search({ header: { References: true } }, [2]);
        await search({ before: '2024-03-01' }, [1, 2]);
        await search({ since: '2024-03-01' }, [3, 4, 5]);
        await search({ on: '2024-02-29' }, [1, 2]);
        await search({ sentOn: '2026-11-24' }, [2]);
        await search({ sentSince: '2026-11-24' }, [2]);
        await search({ sentBefore: '2026-11-24' }, [1, 3, 4, 5]);
        await search({ larger: 2000 }, [2]);
        await search({ smaller: 2000 }, [1, 3, 4, 5]);
        await search({ uid: '2:4' }, [2, 3, 4]);
        await search({ seq: '4:*' }, [4, 5]);
        await search({ or: [{ subject: 'one' }, { subject: 'three' }, { uid: '5' }] }, [1, 3, 5]);
        await search({ not: { or: [{ subject: 'one' }, { from: 'büro' }] } }, [3, 4, 5]);
        await search({ answered: false, deleted: false, draft: false, flagged: true }, []);
        assert.deepEqual(await a.search({ uid: '4:5' }), [4, 5]);
        if (a.capabilities.has('ESEARCH')) {
            const found = await a.search({ all: true }, { uid: true, returnOptions: ['MIN', 'MAX', 'COUNT'] });
            assert.deepEqual([found.min, found.max, found.count], [1, 5, 5]);
        }

        // STORE.
        const flags = async uid => [...(await a.fetchOne(uid, { flags: true }, { uid: true })).flags].filter(f => f !== '\\Recent').sort();
        assert.equal(await a.messageFlagsAdd('1:3', ['\\Flagged', 'mine'], { uid: true }), true);
        assert.deepEqual(await flags('3'), ['\\Flagged', 'mine']);
        await a.messageFlagsRemove({ uid: '3' }, ['\\Flagged']);
        assert.deepEqual(await flags('3'), ['mine']);
        await a.messageFlagsSet({ subject: 'three' }, ['\\Answered', '\\Draft'], { silent: true });
        assert.deepEqual(await flags('3'), ['\\Answered', '\\Draft']);
        await a.setFlagColor('4', 'green', { uid: true });
        assert.equal((await a.fetchOne('4', { flags: true }, { uid: true })).flagColor, 'green');

        // COPY, MOVE, deleting.
        const copied = await a.messageCopy('1,3', 'flow/to', { uid: true });
        assert.deepEqual([...copied.uidMap], [[1, 1], [3, 2]]);
        const gone = [];
        a.on('expunge', e => gone.push(e.seq));
        const moved = await a.messageMove('4', 'flow/to', { uid: true });
        assert.deepEqual([...moved.uidMap], [[4, 3]]);
        assert.deepEqual(gone, [4]);
        assert.equal(await a.messageCopy('1', 'nowhere', { uid: true }).catch(() => false), false);
        await a.messageFlagsAdd('1', ['\\Deleted'], { uid: true }); // stays: only what is named goes
        assert.equal(await a.messageDelete('3', { uid: true }), true);
        assert.deepEqual(gone, [4, 3]);
        assert.deepEqual((await a.search({ all: true }, { uid: true })), [1, 2, 5]);
        await a.messageFlagsRemove('1', ['\\Deleted'], { uid: true });
        a.removeAllListeners('expunge');
    } finally {
        lock.release();
    }

    // EXAMINE.
    lock = await a.getMailboxLock('flow', { readOnly: true });
    assert.equal(a.mailbox.readOnly, true);
    assert.equal(await a.messageFlagsAdd('1', ['\\Answered']).catch(() => false), false);
    lock.release();

    // IDLE: what another connection does is told at once.
    const b = await open(!secure);
    lock = await a.getMailboxLock('flow');
    const lockB = await b.getMailboxLock('flow');
    const idle = a.idle();
    await sleep(300);
    assert.equal(a.idling, true);
    const began = Date.now();
    let e = await next(a, 'exists', () => b.append('flow', text('six')));
    assert.deepEqual([e.path, e.count, e.prevCount], ['flow', 4, 3]);
    e = await next(a, 'flags', () => b.messageFlagsAdd('5', ['\\Seen', 'told'], { uid: true }));
    assert.equal(e.seq, 3);
    assert.ok(e.flags.has('\\Seen') && e.flags.has('told'));
    e = await next(a, 'expunge', () => b.messageDelete('1', { uid: true }));
    assert.deepEqual([e.path, e.seq ?? e.uid], ['flow', 1]);
    e = await next(a, 'exists', () => b.messageCopy('2', 'flow', { uid: true }));
    assert.equal(e.count, 4);
    assert.ok(Date.now() - began < 10_000, 'events came late');
    await a.noop(); // ends IDLE
    await idle;
    assert.equal(a.mailbox.exists, 4);
    lockB.release();
    lock.release();
    await b.logout();

    // What was selected is deleted.
    await a.mailboxOpen('INBOX');
    assert.equal(await a.mailboxClose(), true);
    await a.mailboxDelete('flow/to');
    await a.mailboxDelete('flow');
    list = await a.list();
    assert.ok(!list.some(box => box.path.startsWith('flow')));
    await a.logout();
    assert.equal(a.usable, false);
}

await all(true);
await all(false);
console.log('imapflow was answered as it should be');

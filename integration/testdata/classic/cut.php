<?php
// Says which process it is at the place that is asked for, and waits there: with most of its body unread, with an upload and a session
// that nobody else gets meanwhile, or while that session is written.
final class Slow
{
    public function __serialize(): array
    {
        wait();

        return [];
    }

    public function __unserialize(array $data): void {}
}

function wait(): void
{
    file_put_contents($_GET['at'], getmypid());
    while (true) {
        sleep(1);
    }
}

file_put_contents($_GET['log'], $_GET['id'] . "\n", FILE_APPEND | LOCK_EX);
if ($_GET['where'] === 'body') {
    fread(fopen('php://input', 'r'), 1000);
    wait();
}
session_id('cut');
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
echo $_SESSION['visits'], ' ', $_FILES['f']['size'];
if ($_GET['where'] === 'upload') {
    wait();
}
if ($_GET['where'] === 'session') {
    $_SESSION['slow'] = new Slow();
}

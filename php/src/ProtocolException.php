<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * The bytes on the relay are not what the protocol allows. Nothing that follows
 * on this relay can be trusted: let it end the process, the server starts another.
 */
class ProtocolException extends \RuntimeException {}

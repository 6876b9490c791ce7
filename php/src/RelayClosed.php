<?php

declare(strict_types=1);

namespace PhpWorker;

/**
 * The server closed its end of the relay, in the middle of a frame or before it
 * took an answer. {@see Worker::run()} takes it as the end of the work.
 */
final class RelayClosed extends ProtocolException {}

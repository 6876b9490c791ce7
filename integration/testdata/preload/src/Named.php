<?php

namespace App;

final class Named
{
}
